from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradveil.records import summarise, verdict
from gradveil.records.bootstrap import interval
from gradveil.records.summary import by_subject

DETERMINISTIC = settings(derandomize=True, deadline=None, database=None, max_examples=40)


def trials(record, psnr, **changes):
    """One record for each entry of {(attack, victim): psnr}."""
    return [
        replace(record, key=f"{index:x}", attack=attack, victim=victim, psnr=value, **changes)
        for index, ((attack, victim), value) in enumerate(psnr.items())
    ]


def test_no_records_no_rows():
    assert summarise([]) == []


def test_worst_takes_the_best_attack_on_each_victim(record):
    psnr = {("mask_naive", 0): 5, ("mask_aware", 0): 50, ("mask_naive", 1): 30, ("mask_aware", 1): 20}
    (row,) = summarise(trials(record, psnr | {("guess", 0): 9, ("guess", 1): 9}))
    assert row.victims == 2
    assert row.psnr == {"mask_naive": 17.5, "mask_aware": 35, "guess": 9}
    assert row.worst.mean == 40  # mean of 50 and 30, not the best attack's mean
    assert (row.worst.low, row.worst.high) == (30, 50)


def test_the_guess_is_part_of_the_portfolio(record):
    (row,) = summarise(trials(record, {("mask_aware", 0): 5, ("guess", 0): 9}))
    assert row.worst.mean == 9


def test_ssim_and_rank_take_the_adversarys_best(record):
    both = [
        replace(record, key="a", attack="mask_aware", ssim=0.9, rank100=1.0),
        replace(record, key="b", ssim=0.2, rank100=40.0),
    ]
    (row,) = summarise(both)
    assert (row.ssim, row.rank100) == (0.9, 1.0)


def test_costs_are_medians_and_the_error_is_the_largest(record):
    costs = [(1, 0.1, 1e-9), (100, 0.3, 3e-9), (3, 0.2, None)]
    records = [
        replace(record, key=f"{n}", victim=n, bytes_up=up, seconds_client=seconds, aggregate_error=error)
        for n, (up, seconds, error) in enumerate(costs)
    ]
    (row,) = summarise(records)
    assert (row.bytes_up, row.seconds_client, row.aggregate_error) == (3, 0.2, 3e-9)


def test_failed_trials_are_counted_and_touch_no_number(record):
    failed = replace(
        record, key="f", status="failed", error="x", psnr=None, bytes_up=0, attack="mask_aware", victim=1
    )
    (row,) = summarise([record, failed])
    (clean,) = summarise([record])
    assert (row.failed, row.victims) == (1, 2)
    assert replace(row, failed=0, victims=1) == clean


def test_inapplicable_trials_count_for_costs_only(record):
    other = replace(record, key="f", status="inapplicable", error="x", psnr=None, ssim=None, rank100=None)
    (row,) = summarise([other])
    assert (row.failed, row.worst, row.ssim, row.bytes_up) == (0, None, None, record.bytes_up)


def test_rows_go_from_nothing_to_secure_aggregation(record):
    settings_ = [
        ("secure_aggregation", None, None),
        ("selective_ckks", "all", 1.0),
        ("selective_ckks", "random", 0.1),
        ("selective_ckks", "magnitude", 0.5),
        ("selective_ckks", "magnitude", 0.05),
        ("gaussian_noise", None, None),
        ("selective_ckks", "none", 0.0),
        ("identity", None, None),
    ]
    records = [
        replace(record, key=f"{n}{m}", model=model, defense=defense, strategy=strategy, ratio=ratio)
        for m, model in enumerate(("b", "a"))
        for n, (defense, strategy, ratio) in enumerate(settings_)
    ]
    labels = [
        "no defense",
        "CKKS none",
        "Gaussian noise",
        "CKKS magnitude 5 %",
        "CKKS magnitude 50 %",
        "CKKS random 10 %",
        "CKKS all",
        "secure aggregation",
    ]
    assert [(row.model, row.label) for row in summarise(records)] == [
        (m, lab) for m in "ab" for lab in labels
    ]


@DETERMINISTIC
@given(st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_matter(record, random):
    psnr = {
        (attack, victim): 7.0 * victim + len(attack)
        for attack in ("guess", "mask_naive")
        for victim in range(4)
    }
    other = replace(record, key="ff", defense="identity", strategy=None, ratio=None)
    records = [*trials(record, psnr), other]
    shuffled = records[:]
    random.shuffle(shuffled)
    for expected, actual in zip(summarise(records), summarise(shuffled), strict=True):
        assert (actual.label, actual.psnr) == (expected.label, expected.psnr)
        assert actual.worst.mean == pytest.approx(expected.worst.mean)


def test_two_levels_of_a_knob_are_two_rows(record):
    noise = [
        replace(record, key=f"{n}", defense="gaussian_noise", knobs={"std": std}, strategy=None, ratio=None)
        for n, std in enumerate((0.1, 0.002, 0.02))
    ]
    rows = summarise(noise)
    assert [row.label for row in rows] == [f"Gaussian noise (std {std})" for std in (0.002, 0.02, 0.1)]
    assert [row.victims for row in rows] == [1, 1, 1]


@pytest.mark.parametrize(
    "change",
    [{"model": "x"}, {"data": "x"}, {"train_steps": 9}, {"batch": 2}, {"clients": 9}, {"knobs": {"a": "b"}}],
    ids=lambda change: next(iter(change)),
)
def test_other_conditions_are_other_rows(record, change):
    assert len(summarise([record, replace(record, key="b", **change)])) == 2


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"model": "cnn"}, ["cnn", "mlp"]),
        ({"data": "faces"}, ["mlp on digits", "mlp on faces"]),
        ({"train_steps": 9}, ["mlp, 0 training steps", "mlp, 9 training steps"]),
        ({"batch": 2}, ["mlp, batch of 1", "mlp, batch of 2"]),
        ({"clients": 9}, ["mlp"]),
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_subject_is_called_by_what_tells_it_apart(record, change, names):
    rows = summarise([record, replace(record, key="b", **change)])
    assert list(by_subject(rows)) == names


def test_the_same_victim_of_another_seed_is_another_victim(record):
    leaks = {(0, 0): 10.0, (0, 1): 20.0, (1, 0): 30.0, (1, 1): 40.0}
    records = [
        replace(record, key=f"{n}", seed=seed, victim=victim, psnr=psnr)
        for n, ((seed, victim), psnr) in enumerate(leaks.items())
    ]
    (row,) = summarise(records)
    assert (row.seeds, row.victims) == (2, 4)
    assert row.worst == interval([[10.0, 20.0], [30.0, 40.0]])


def rows_of(record, **settings_):
    """One row a keyword: {strategy: (mask_naive, mask_aware)} beside a guess of 9 dB."""
    return [
        row
        for strategy, (naive, aware) in settings_.items()
        for row in summarise(
            trials(
                record,
                {("mask_naive", 0): naive, ("mask_aware", 0): aware, ("guess", 0): 9.0},
                strategy=strategy,
            )
        )
    ]


def test_a_setting_that_looks_safe_and_is_open_is_named(record):
    said = verdict(rows_of(record, magnitude=(9.9, 30.1), random=(10.1, 140.0), named=(9.0, 29.9)))
    assert "1 setting looks safe to the mask-naive adversary (mean PSNR below 10 dB)" in said
    assert "above 30 dB): CKKS magnitude 10 %." in said


def test_no_deception_no_accusation(record):
    said = verdict(rows_of(record, random=(140.0, 140.0)))
    assert said.startswith("No setting looks safe")
    assert "No setting is known to hold" in said


def test_a_setting_that_held_is_named(record):
    said = verdict(rows_of(record, all=(8.0, 9.9), random=(8.0, 10.1)))
    assert "No applicable attack beat guessing by more than 1 dB or 2 times in rank against CKKS all." in said


@pytest.mark.parametrize(("rank", "holds"), [(20.1, True), (20.0, False), (None, True)])
def test_a_setting_that_narrows_the_candidates_down_did_not_hold(record, rank, holds):
    row = replace(rows_of(record, all=(8.0, 9.0))[0], rank100=rank, guess_rank100=40.0)
    assert ("against CKKS all." in verdict([row])) == holds


def test_a_failed_attack_is_no_proof(record):
    row = replace(rows_of(record, all=(8.0, 9.0))[0], failed=1)
    assert "No setting is known to hold" in verdict([row])
