"""Who is named as the worst adversary, and which defenses only look safe."""

from dataclasses import replace

import pytest

from gradveil.report.leaderboard import entries
from gradveil.report.leaderboard.entries import informed
from tests.report.conftest import HOSTILE


@pytest.fixture(scope="module")
def lines(records, utilities):
    return {entry.row.defense: entry for entry in entries(records, utilities)}


def test_one_line_a_setting_those_that_leak_least_first(records):
    found = [entry.row.defense for entry in entries(records, [])]
    assert found == ["secure_aggregation", HOSTILE, "soteria", "identity"]


def test_the_strongest_of_either_kind_is_named(lines):
    soteria = lines["soteria"]
    assert (soteria.standard.attack, soteria.informed.attack) == ("inverting_gradients", "adaptive")
    assert (soteria.standard.psnr.mean, soteria.informed.psnr.mean) == (9, 46)
    assert soteria.standard.psnr.low < 9 < soteria.standard.psnr.high
    assert soteria.gap == 37


def test_the_worst_is_counted_over_victims(lines):
    assert lines["soteria"].best == (("adaptive", 3),)
    assert lines["secure_aggregation"].best == (
        ("guess", 3),
    )  # adaptive reaches as much, and needs an attack


def test_marks(lines):
    marks = {defense: entry.mark for defense, entry in lines.items()}
    assert marks == {
        "identity": "open",
        "soteria": "only looks safe",
        "secure_aggregation": "held",
        HOSTILE: "",
    }


def test_accuracies_belong_to_their_defense(lines):
    soteria = lines["soteria"].row.trained
    assert (soteria.accuracy.mean, soteria.lost) == (85, pytest.approx(5))
    assert lines[HOSTILE].row.trained.accuracy is None


def test_a_training_with_other_knobs_is_of_no_use(records, utilities):
    other = [replace(one, knobs={"share": 0.5, "layer": None}) for one in utilities]
    found = {entry.row.defense: entry.row.trained for entry in entries(records, other)}
    assert found["soteria"] is None


def test_accuracy_is_lost_against_the_same_training_only(records, utilities):
    longer = [replace(one, rounds=400) if one.defense == "identity" else one for one in utilities]
    found = {entry.row.defense: entry.row.trained for entry in entries(records, longer)}
    assert found["soteria"].lost is None


def test_the_longest_training_counts(records, utilities):
    (soteria,) = [one for one in utilities if one.defense == "soteria"]
    longer = [replace(soteria, rounds=400, accuracy=0.95, key="f")]
    found = {entry.row.defense: entry.row.trained for entry in entries(records, [*utilities, *longer])}
    assert (found["soteria"].rounds, found["soteria"].accuracy.mean) == (400, 95)


@pytest.mark.parametrize(
    ("attack", "ratio", "knows"),
    [
        ("adaptive", None, True),
        ("locked_recursion", None, True),
        ("mask_aware", None, False),
        ("mask_aware", 0.1, True),
        ("mask_naive", 0.1, False),
        ("guess", 0.1, False),
    ],
)
def test_who_knows_the_defense(records, attack, ratio, knows):
    assert informed(replace(records[0], attack=attack, ratio=ratio)) is knows


@pytest.mark.parametrize(("noise", "knows"), [("gaussian, std 0.01", True), ("none", False)])
def test_who_fits_errors_to_granted_noise_knows_the_defense(records, noise, knows):
    told = replace(records[0], attack="mask_aware", knows={"noise": noise})
    assert informed(told) is knows
    assert not informed(replace(told, attack="inverting_gradients"))
