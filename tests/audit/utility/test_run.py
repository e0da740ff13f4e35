"""All trainings of an audit: one file each, none twice, and failures that say why."""

import pytest

from gradveil.audit import AuditConfig, UtilityTable
from gradveil.audit.utility import Training, measure_utilities
from gradveil.audit.utility.job import jobs, run
from gradveil.records import RecordError
from gradveil.records.utility import load_utilities

BRIEF = UtilityTable(rounds=2)


def config(defenses, **changes):
    fields = {"name": "tiny", "models": ["cnn"], "victims": 1, "attacks": ["guess"], "defenses": defenses}
    return AuditConfig.model_validate(fields | changes)


def trained(defense, **changes):
    wanted = jobs(config([defense], **changes), BRIEF)
    (job,) = [one for one in wanted if one.defense.name == defense["kind"]]
    return run(job, "cpu")


def test_no_defense_is_trained_once_whether_asked_for_or_not():
    names = [job.defense.name for job in jobs(config([{"kind": "sign"}]), BRIEF)]
    assert names == ["identity", "sign"]
    assert len(list(jobs(config([{"kind": "identity"}]), BRIEF))) == 1


def test_a_selection_keeps_its_share():
    found = trained({"kind": "selective_ckks", "strategy": "magnitude", "ratios": [0.1]})
    assert found.error is None
    assert (found.defense, found.strategy) == ("selective_ckks", "magnitude")
    assert found.ratio == pytest.approx(0.1, abs=1e-3)
    assert [done for done, _ in found.curve] == [0, 1, 2]
    assert found.curve[-1][1] == found.accuracy


def test_a_selection_that_cannot_be_made_keeps_the_share_asked_for():
    found = trained({"kind": "selective_ckks", "strategy": "magnitude", "ratios": [0.3]}, models=["nowhere"])
    assert (found.ratio, found.accuracy, found.curve) == (0.3, None, ())
    assert found.error is not None


def test_the_table_says_how_to_train():
    table = UtilityTable(rounds=40, clients=5, batch=2, rate=0.1, seeds=[3, 4])
    found = {job.training for job in jobs(config([{"kind": "sign"}]), table)}
    assert found == {Training(40, 5, 2, 0.1, seed, every=2) for seed in (3, 4)}
    assert {job.training.clients for job in jobs(config([{"kind": "sign"}], clients=7), BRIEF)} == {7}


def test_trainings_are_no_part_of_what_decides_a_trial():
    plain, trained = config([{"kind": "sign"}]), config([{"kind": "sign"}], utility={"rounds": 2})
    assert trained.utility == BRIEF
    assert plain.hash == trained.hash


def test_a_strategy_that_needs_the_network_has_public_images():
    found = trained({"kind": "selective_ckks", "strategy": "row_norm", "ratios": [0.1]})
    assert (found.error, found.strategy) == (None, "row_norm")


def test_a_defense_that_cannot_be_trained_behind_says_why():
    found = trained({"kind": "soteria", "layer": "nowhere"})
    assert found.accuracy is None
    assert "no linear layer nowhere" in found.error
    assert found.knobs == {"share": 0.8, "layer": "nowhere"}


def test_keys_depend_on_rounds_defense_and_network():
    signs = config([{"kind": "sign"}])
    one = [*jobs(signs, BRIEF), *jobs(signs, UtilityTable(rounds=3))]
    other = jobs(config([{"kind": "sign"}], models=["lenet"]), BRIEF)
    assert len({job.key for job in [*one, *other]}) == 6


@pytest.mark.slow
def test_what_is_trained_is_not_trained_again(tmp_path):
    wanted = config([{"kind": "sign"}])
    reports = []

    def measure():
        return measure_utilities(
            wanted,
            BRIEF,
            tmp_path,
            device="cpu",
            workers=1,
            progress=lambda *pair: reports.append(pair),
        )

    first = measure()
    assert reports == [(0, 2), (1, 2), (2, 2)]
    assert sorted(one.defense for one in first) == ["identity", "sign"]
    assert measure() == first
    assert reports[3:] == [(2, 2)]


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "utility").mkdir()
    (tmp_path / "utility" / "ab.json").write_text('{"schema": 2}')
    with pytest.raises(RecordError, match=r"ab\.json: field 'model'"):
        load_utilities(tmp_path)


def test_an_earlier_version_is_refused_with_a_way_out(tmp_path):
    (tmp_path / "utility").mkdir()
    (tmp_path / "utility" / "ab.json").write_text('{"schema": 1}')
    with pytest.raises(RecordError, match=r"ab\.json: version 1, .* remove the file and train"):
        load_utilities(tmp_path)
