"""What is agreed is bound together; what a party insists on holds."""

from dataclasses import fields, replace

import pytest

from gradveil.exchange import TooFewClientsError
from secagg import Adversary, FixedPoint, Floors, OverflowRefusedError, ProtocolError, default_threshold
from secagg.noise import DiscreteGaussianNoise, SkellamNoise
from tests.secagg.rounds import ENCODING, MALICIOUS, config

NOISE = {"length": 7, "clip_norm": 1.0, "sigma": 0.1, "survivors_min": 3, "delta": 1e-5}
GAUSSIAN = DiscreteGaussianNoise.for_(8, 8, **NOISE)
SKELLAM = SkellamNoise.for_(8, 8, **NOISE)
CHANGES = [
    {"session": bytes(16)},
    {"round": 6},
    {"context": bytes(32)},
    {"threshold": 4},
    {"length": 8},
    {"neighbours": 4},
    {"neighbours": 6},
    {"adversary": MALICIOUS},
    {"counters": 1},
    {"encoding": FixedPoint(1.0, 16, 100)},
    {"encoding": FixedPoint(2.0, 17, 100)},
    {"encoding": FixedPoint(2.0, 16, 101)},
    {"encoding": FixedPoint(2.0, 16, 100, 64)},
    {"encoding": FixedPoint(2.0, 16, 100, rounding="stochastic")},
    {"encoding": FixedPoint(2.0, 16, 100, bits=10)},
    {"encoding": GAUSSIAN.encoding},
    {"encoding": GAUSSIAN.encoding, "noise": GAUSSIAN},
    {"encoding": GAUSSIAN.encoding, "noise": SkellamNoise(GAUSSIAN.encoding, **NOISE)},
    {"encoding": GAUSSIAN.encoding, "noise": replace(GAUSSIAN, sigma=0.11)},
]


def test_every_field_enters_the_binding():
    found = [config(**change).header.binding for change in [{}, *CHANGES]]
    assert len(set(found)) == len(found)
    assert {name for change in CHANGES for name in change} == {field.name for field in fields(config())}


def test_equal_configurations_have_equal_bindings():
    assert config(encoding=FixedPoint(2, 16, 100)).header == config().header
    assert config(adversary=Adversary("malicious")).header == config(adversary=MALICIOUS).header


@pytest.mark.parametrize(
    "change",
    [
        {"session": b"short"},
        {"context": b""},
        {"round": -1},
        {"round": 2**32},
        {"length": 0},
        {"threshold": 0},
        {"counters": -1},
        {"neighbours": 0},
        {"neighbours": 3},
        {"neighbours": -2},
        {"noise": GAUSSIAN},
        {"noise": GAUSSIAN, "encoding": GAUSSIAN.encoding, "length": 8},
    ],
    ids=lambda change: "-".join(change),
)
def test_fields_out_of_range_are_refused(change):
    with pytest.raises(ProtocolError):
        config(**change)


def test_counters_beside_noise_are_refused():
    """Noise covers no counters, and a noisy vector has no room for them."""
    with pytest.raises(ProtocolError):
        config(noise=SKELLAM, encoding=SKELLAM.encoding, counters=1)


@pytest.mark.parametrize("clients", range(3, 60))
def test_the_default_threshold_stops_a_lying_server(clients):
    corrupt = (clients - 1) // 3
    assert 2 * default_threshold(clients) > clients + corrupt
    assert default_threshold(clients) <= clients


def test_capacity_is_that_of_the_encoding():
    config().require_capacity(ENCODING.max_clients)
    with pytest.raises(OverflowRefusedError, match="raise max_clients"):
        config().require_capacity(ENCODING.max_clients + 1)


def test_capacity_is_at_most_that_of_a_message():
    many = config(encoding=FixedPoint(2.0, 10_000, 1))
    many.require_capacity(4096)
    with pytest.raises(OverflowRefusedError, match="4097 clients exceed 4096"):
        many.require_capacity(4097)


@pytest.mark.parametrize("floors", [{"min_clients": 2}, {"min_neighbours": 1}, {"min_threshold": 1}], ids=str)
def test_floors_have_floors(floors):
    with pytest.raises(TooFewClientsError, match="raise it"):
        Floors(**floors)


@pytest.mark.parametrize(
    ("clients", "change", "error"),
    [
        (2, {"threshold": 2}, TooFewClientsError),
        (4, {"threshold": 5}, TooFewClientsError),
        (4, {"threshold": 2}, ProtocolError),
        (6, {"threshold": 3}, ProtocolError),
        (3, {"threshold": 1}, ProtocolError),
        (10, {"threshold": 5, "neighbours": 4}, TooFewClientsError),
        (10, {"threshold": 2, "neighbours": 4, "adversary": MALICIOUS}, ProtocolError),
        (5, {"threshold": 2, "neighbours": 4}, ProtocolError),
        (4, {"threshold": 2, "neighbours": 6}, ProtocolError),
    ],
)
def test_rounds_below_the_floors_are_refused(clients, change, error):
    with pytest.raises(error):
        Floors().require_round(config(**change), clients)


@pytest.mark.parametrize(
    ("clients", "change"),
    [
        (3, {"threshold": 2}),
        (3, {"threshold": 3}),
        (4, {"threshold": 3}),
        (5, {"threshold": 3}),
        (10, {"threshold": 2, "neighbours": 4}),
        (10, {"threshold": 3, "neighbours": 4, "adversary": MALICIOUS}),
    ],
)
def test_a_majority_of_three_or_more_passes(clients, change):
    Floors().require_round(config(**change), clients)


@pytest.mark.parametrize("clients", range(3, 40))
@pytest.mark.parametrize("neighbours", [None, 2, 4, 8, 38])
def test_against_a_malicious_server_two_groups_of_holders_never_suffice(clients, neighbours):
    holders = clients if neighbours is None or neighbours >= clients - 1 else neighbours
    for threshold in range(1, holders + 1):
        changed = config(threshold=threshold, neighbours=neighbours, adversary=MALICIOUS)
        try:
            Floors().require_round(changed, clients)
        except (ProtocolError, TooFewClientsError):
            continue
        assert 2 * threshold > holders
