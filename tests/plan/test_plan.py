"""A plan covers every coordinate once, and cannot promise what it does not keep."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import he
from gradveil.exchange import Layout, LayoutMismatchError, Selection, TooFewClientsError
from gradveil.plan import Masking, Metric, Noise, Placement, Plan, PlanError, Purpose, Shrunk
from secagg import OverflowRefusedError, ProtocolError
from tests.plan.strategies import plans

LAYOUT = Layout(("a", "b"), ((3,), (2,)))
CKKS = he.CkksParams.for_(clients=5, value_range=8.0, precision_bits=20)
MASKING = Masking(threshold=4, clip=1.0)
NOISY = replace(MASKING, bits=12, noise=Noise(sigma=0.1, honest=4))


def chosen(*names, layout=LAYOUT):
    return Selection(layout, layout.mask_of(names), "named")


def plan(**choices):
    return Plan.of(LAYOUT, **{"clients": 5, "max_weight": 10, "masking": MASKING, **choices})


def shrinking(*shrunk):
    return replace(MASKING, shrunk=shrunk)


def unmasked(**choices):
    return plan(**{"masking": None, "weight": Placement.CLEAR, **choices})


@settings(max_examples=30)
@given(plans())
def test_each_coordinate_travels_once_or_is_dropped(plan):
    split = plan.train
    together = np.concatenate([split.encrypted, split.masked, split.clear, plan.dropped.coords])
    assert np.array_equal(np.sort(together), np.arange(split.layout.wire_size))


@settings(max_examples=30)
@given(plans())
def test_the_server_reads_sums_of_what_is_masked_or_clear(plan):
    assert np.array_equal(plan.train.readable, plan.masked | plan.clear.mask)


@settings(max_examples=30)
@given(plans(), st.integers(0, 2**32 - 1))
def test_what_is_shrunk_is_restored(plan, seed):
    change = np.random.default_rng(seed).standard_normal(plan.layout.size).astype(np.float32)
    before, total = change.copy(), np.append(plan.shrink(change), [3.0, 9.0]).astype(np.float64)
    assert np.array_equal(plan.restore(total), np.append(change, [3.0, 9.0]).astype(np.float64))
    assert np.array_equal(change, before)


@given(plans())
def test_contributions_are_divided_by_a_power_of_two_that_holds_every_weight(plan):
    assert plan.max_weight <= plan.unit < 2 * plan.max_weight
    assert plan.unit.hex().startswith("0x1.0000000000000p")


def test_what_nobody_named_is_masked():
    assert plan(clear=chosen("b")).masked.tolist() == [True] * 3 + [False] * 2


def test_metrics_and_the_weight_lie_behind_the_parameters():
    split = plan(metrics=(Metric("loss", 2.0),)).train
    assert split.layout.names == ("a", "b", "metric:loss")
    assert split.masked.tolist() == list(range(7))
    assert split.masked_values.tolist() == list(range(6))


def test_an_evaluation_carries_its_metrics_only():
    found = plan(metrics=(Metric("loss", 2.0), Metric("accuracy", 1.0, Purpose.EVALUATE)))
    assert found.evaluation.layout.names == ("metric:accuracy",)
    assert found.evaluation.masked.tolist() == [0, 1]
    assert found.evaluation.parameters == 0
    with pytest.raises(PlanError, match="evaluation"):
        plan().split(Purpose.EVALUATE)


def test_encrypted_weights_are_encrypted_with_the_rest():
    found = unmasked(encrypted=chosen("a", "b"), encryption=CKKS, weight=Placement.ENCRYPTED)
    assert found.train.encrypted.tolist() == list(range(6))
    assert found.binding(3) == he.Binding(3, LAYOUT.hash, found.encrypted.hash, 6)


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (lambda: plan(clear=chosen("a"), dropped=chosen("a")), "in two of"),
        (lambda: plan(encrypted=chosen("a")), "go together"),
        (lambda: plan(encryption=CKKS), "go together"),
        (lambda: unmasked(), "left to masking"),
        (lambda: unmasked(clear=chosen("a", "b"), weight=Placement.MASKED), "weights are masked"),
        (lambda: plan(weight=Placement.CLEAR), "weights are masked"),
        (
            lambda: unmasked(
                encrypted=chosen("a"), clear=chosen("b"), encryption=CKKS, weight=Placement.ENCRYPTED
            ),
            "cannot divide",
        ),
        (lambda: unmasked(dropped=chosen("a", "b"), weight=Placement.ENCRYPTED), "nothing is encrypted"),
        (lambda: plan(dropped=chosen("a", "b")), "nothing but weights"),
        (lambda: plan(metrics=(Metric("x", 1.0), Metric("x", 2.0))), "twice"),
        (lambda: plan(metrics=(Metric("x", 0.0),)), "not positive"),
        (lambda: plan(metrics=(Metric("x", float("inf")),)), "not positive"),
        (lambda: plan(min_clients=1), "min_clients"),
        (lambda: plan(min_clients=6), "min_clients"),
        (lambda: plan(max_weight=0), "max_weight"),
        (lambda: plan(max_weight=2**24 + 1), "max_weight"),
        (lambda: plan(clients=6, encrypted=chosen("a"), encryption=CKKS), "parameters for 5 clients"),
        (lambda: plan(masking=NOISY, clear=chosen("a")), "masked model only"),
        (lambda: plan(masking=NOISY, encrypted=chosen("a"), encryption=CKKS), "masked model only"),
        (lambda: plan(masking=NOISY, metrics=(Metric("x", 1.0),)), "masked model only"),
        (lambda: plan(masking=NOISY, min_clients=3), "raise min_clients"),
        (lambda: plan(masking=shrinking(Shrunk("a", 4.0), Shrunk("a", 4.0))), "shrunk twice"),
        (lambda: plan(masking=shrinking(Shrunk("c", 4.0))), "not masked whole"),
        (lambda: plan(masking=shrinking(Shrunk("a", 4.0)), clear=chosen("a")), "not masked whole"),
        *(
            (lambda by=by: plan(masking=shrinking(Shrunk("a", by))), "power of two over 1")
            for by in (3.0, 1.0, 0.5, 0.0, -2.0, float("inf"), float("nan"))
        ),
        (lambda: Noise(sigma=0.0, honest=4), "positive sigma"),
        (lambda: Noise(sigma=float("nan"), honest=4), "positive sigma"),
        (lambda: Noise(sigma=1.0, honest=0), "honest clients"),
        (lambda: Noise(sigma=1.0, honest=4, delta=1.0), "delta"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_a_plan_that_cannot_work_is_refused(build, match):
    with pytest.raises(PlanError, match=match):
        build()


def test_public_keys_cannot_open_the_next_model():
    public = he.CkksParams.for_(
        clients=5, value_range=8.0, precision_bits=16, encryption=he.Encryption.PUBLIC_KEY
    )
    with pytest.raises(PlanError, match="shared key"):
        plan(encrypted=chosen("a"), encryption=public)


def test_a_grid_too_coarse_for_weights_is_refused():
    coarse = he.CkksParams.for_(clients=5, value_range=8.0, precision_bits=8)
    with pytest.raises(PlanError, match="exactly"):
        unmasked(
            max_weight=10_000,
            encrypted=chosen("a", "b"),
            encryption=coarse,
            weight=Placement.ENCRYPTED,
        )


def test_selections_are_of_the_same_model():
    other = Layout(("c",), ((5,),))
    with pytest.raises(LayoutMismatchError):
        plan(clear=chosen("c", layout=other))


@pytest.mark.parametrize(
    ("masking", "error"),
    [
        (replace(MASKING, threshold=1), ProtocolError),
        (replace(MASKING, threshold=2), ProtocolError),
        (replace(MASKING, threshold=6), TooFewClientsError),
        (replace(MASKING, neighbours=3), ProtocolError),
        (replace(MASKING, clip=0.0), OverflowRefusedError),
        (replace(MASKING, modulus_bits=8), OverflowRefusedError),
    ],
    ids=["a share is the secret", "no majority", "too many shares", "odd", "no clip", "small ring"],
)
def test_a_masking_that_no_client_would_accept_is_refused(masking, error):
    with pytest.raises(error):
        plan(masking=masking)


def test_a_masking_chooses_its_threshold():
    assert Masking.for_(clients=30, clip=1.0).threshold == 21
    assert Masking.for_(clients=200, clip=1.0).neighbours == 36


def test_plans_differ_by_any_choice():
    found = {
        each.hash
        for each in (
            plan(),
            plan(max_weight=11),
            plan(clear=chosen("a")),
            plan(dropped=chosen("a")),
            plan(metrics=(Metric("x", 1.0),)),
            plan(metrics=(Metric("x", 1.0, Purpose.EVALUATE),)),
            plan(masking=replace(MASKING, clip=2.0)),
            plan(masking=shrinking(Shrunk("a", 4.0))),
            plan(min_clients=4),
        )
    }
    assert len(found) == 9
    assert plan().hash == plan().hash
