"""What is agreed is bound together; what a party insists on holds."""

from dataclasses import replace

import pytest

from gradveil.exchange import TooFewClientsError
from secagg import FixedPoint, Floors, OverflowRefusedError, ProtocolError, default_threshold
from tests.secagg.rounds import ENCODING, config


@pytest.mark.parametrize(
    "change",
    [
        {"session": bytes(16)},
        {"round": 6},
        {"context": bytes(32)},
        {"threshold": 4},
        {"length": 8},
        {"encoding": FixedPoint(1.0, 8, 100)},
        {"encoding": FixedPoint(2.0, 9, 100)},
        {"encoding": FixedPoint(2.0, 8, 101)},
        {"encoding": FixedPoint(2.0, 8, 100, 64)},
    ],
    ids=str,
)
def test_every_field_enters_the_binding(change):
    assert replace(config(), **change).header.binding != config().header.binding


def test_equal_configurations_have_equal_bindings():
    assert config(encoding=FixedPoint(2, 8, 100)).header == config().header


@pytest.mark.parametrize(
    "change",
    [
        {"session": b"short"},
        {"context": b""},
        {"round": -1},
        {"round": 2**32},
        {"length": 0},
        {"threshold": 0},
    ],
    ids=str,
)
def test_fields_out_of_range_are_refused(change):
    with pytest.raises(ProtocolError):
        config(**change)


@pytest.mark.parametrize("clients", range(3, 60))
def test_the_default_threshold_stops_a_lying_server(clients):
    corrupt = (clients - 1) // 3
    assert 2 * default_threshold(clients) > clients + corrupt
    assert default_threshold(clients) <= clients


def test_capacity_is_that_of_the_encoding():
    config().require_capacity(ENCODING.max_clients)
    with pytest.raises(OverflowRefusedError, match="raise max_clients"):
        config().require_capacity(ENCODING.max_clients + 1)


def test_floors_cannot_be_lowered_below_three():
    with pytest.raises(TooFewClientsError, match="raise it"):
        Floors(min_clients=2)


@pytest.mark.parametrize(
    ("clients", "threshold", "error"),
    [(2, 2, TooFewClientsError), (4, 5, TooFewClientsError), (4, 2, ProtocolError), (6, 3, ProtocolError)],
)
def test_rosters_below_the_floors_are_refused(clients, threshold, error):
    with pytest.raises(error):
        Floors().require_roster(clients, threshold)


@pytest.mark.parametrize(("clients", "threshold"), [(3, 2), (3, 3), (4, 3), (5, 3)])
def test_a_majority_of_three_or_more_passes(clients, threshold):
    Floors().require_roster(clients, threshold)
