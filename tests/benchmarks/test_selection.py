"""The experiment on selections: what its tables say of known attacks; finished runs are not repeated."""

import pytest

from benchmarks.leakage.journal import Journal
from benchmarks.leakage.selection_runs import together
from benchmarks.leakage.selection_summary import by_selection, correlation, frontier, protection

RATIOS = (0.1, 0.2, 0.3)
GRAY = {("lenet", 0): 10.5, ("lenet", 1): 15.0}


def line(ratio, victim, psnr, attacks=("mask_aware",), strategy="random", network="lenet"):
    """One victim behind a tenth of 1,000 entries for each tenth of the ratio."""
    about = {"network": network, "strategy": strategy, "ratio": ratio, "victim": victim}
    hidden = {"encrypted_nonzero": round(1000 * ratio), "ratio_nonzero": ratio}
    return about | {"attacks": list(attacks), "psnr": psnr, **hidden}


def test_the_frontier_takes_the_strongest_attack_on_each_victim():
    lines = [line(0.1, 0, 20.0), line(0.1, 1, 30.0), line(0.1, 0, 40.0, ("second_order",))]
    (found,) = frontier(lines, GRAY)
    assert (found["victims"], found["mean_psnr"], found["worst_psnr"]) == (2, 35.0, 40.0)
    assert found["encrypted_nonzero"] == 100


def test_the_naive_attack_stands_apart():
    (found,) = frontier([line(0.1, 0, 9.0), line(0.1, 0, 50.0, ("mask_naive",))], GRAY)
    assert (found["worst_psnr"], found["naive_psnr"]) == (9.0, 50.0)


def test_a_selection_that_only_the_naive_attack_has_seen_is_on_no_frontier():
    assert frontier([line(0.1, 0, 5.0, ("mask_naive",))], GRAY) == []


@pytest.mark.parametrize(
    ("worst", "ratio"),
    [((30.0, 11.0, 10.0), 0.2), ((11.0, 13.0, 10.0), 0.3), ((30.0, 20.0, 12.0), None)],
    ids=["from the second", "not where more entries leak again", "never"],
)
def test_protection_starts_where_all_larger_selections_protect(worst, ratio):
    table = frontier([line(at, 0, psnr) for at, psnr in zip(RATIOS, worst, strict=True)], GRAY)
    (found,) = protection(table)
    assert found["under_12_db_ratio"] == ratio
    assert found["under_12_db"] == (None if ratio is None else 1000 * ratio)


def test_protection_under_gray_is_each_victims_own():
    table = frontier([line(0.1, 0, 10.6), line(0.1, 1, 13.0), line(0.2, 0, 10.0), line(0.2, 1, 14.9)], GRAY)
    (found,) = protection(table)
    assert [one["over_gray"] for one in table] == pytest.approx([0.1, -0.1])
    assert (found["under_12_db"], found["under_gray"]) == (None, 200)


def predicted(*psnrs, network="lenet"):
    """What was predicted for ratios of 0.1, 0.2, and so on."""
    about = {"network": network, "strategy": "random"}
    return [about | {"ratio": ratio, "psnr": psnr} for ratio, psnr in zip(RATIOS, psnrs, strict=True)]


def attained(*psnrs, victim=0, network="lenet"):
    """What one victim's attacks attained behind the same."""
    return [line(at, victim, psnr, network=network) for at, psnr in zip(RATIOS, psnrs, strict=True)]


def test_correlation_tells_networks_apart_and_together():
    lines = attained(30.0, 20.0, 10.0) + attained(10.0, 20.0, 30.0, network="relu_mlp")
    foreseen = predicted(3.0, 2.0, 1.0) + predicted(3.0, 2.0, 1.0, network="relu_mlp")
    found = {one["network"]: one for one in correlation(lines, foreseen)}
    assert found["lenet"]["spearman"] == pytest.approx(1)
    assert found["relu_mlp"]["spearman"] == pytest.approx(-1)
    assert found["all"]["selections"] == 6
    assert found["all"]["spearman"] == pytest.approx(0)


def test_correlation_looks_at_the_same_victims_everywhere():
    easy_victim_of_one_mask = [line(0.3, 1, 90.0)]
    lines = attained(30.0, 20.0, 10.0) + easy_victim_of_one_mask
    assert correlation(lines, predicted(3.0, 2.0, 1.0))[0]["spearman"] == pytest.approx(1)


def test_correlation_counts_up_to_where_a_portfolio_stops():
    (found, _) = correlation(attained(40.0, 140.0, 10.0), predicted(3.0, 3.0, 1.0))
    assert found["spearman"] < 1
    assert found["spearman_to_stop"] == pytest.approx(1)


def test_victims_of_one_selection_are_written_as_one_line():
    (found,) = by_selection([line(0.1, 0, 20.0), line(0.1, 1, 30.0)])
    assert (found["victim"], found["psnr"]) == ([0, 1], [20.0, 30.0])


def test_victims_can_be_added_and_only_they_are_run(tmp_path):
    journal, asked = Journal(tmp_path / "journal.jsonl"), []

    def run(parts):
        asked.append(parts)
        return {part: {"psnr": float(part)} for part in parts}

    for victims in (2, 4):
        for key, one in together(journal, {v: {"victim": v} for v in range(victims)}, run):
            journal.get(key) or journal.add(key, one())
    assert asked == [[0, 1], [2, 3]]
    assert [journal.get({"victim": v}) for v in range(4)] == [{"psnr": float(v)} for v in range(4)]
