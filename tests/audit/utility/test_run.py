"""All trainings of an audit: one file each, none twice, and failures that say why."""

import pytest

from gradveil.audit import AuditConfig
from gradveil.audit.utility import measure_utilities
from gradveil.audit.utility.job import jobs, run
from gradveil.records import RecordError
from gradveil.records.utility import load_utilities


def config(defenses, **changes):
    fields = {"name": "tiny", "models": ["cnn"], "victims": 1, "attacks": ["guess"], "defenses": defenses}
    return AuditConfig.model_validate(fields | changes)


def trained(defense, **changes):
    (job,) = [one for one in jobs(config([defense], **changes), 2) if one.defense.name == defense["kind"]]
    return run(job, "cpu")


def test_no_defense_is_trained_once_whether_asked_for_or_not():
    names = [job.defense.name for job in jobs(config([{"kind": "sign"}]), 2)]
    assert names == ["identity", "sign"]
    assert len(list(jobs(config([{"kind": "identity"}]), 2))) == 1


def test_a_selection_keeps_its_share():
    found = trained({"kind": "selective_ckks", "strategy": "magnitude", "ratios": [0.1]})
    assert found.error is None
    assert (found.defense, found.strategy) == ("selective_ckks", "magnitude")
    assert found.ratio == pytest.approx(0.1, abs=1e-3)


def test_a_strategy_that_needs_the_network_has_public_images():
    found = trained({"kind": "selective_ckks", "strategy": "row_norm", "ratios": [0.1]})
    assert (found.error, found.strategy) == (None, "row_norm")


def test_a_defense_that_cannot_be_trained_behind_says_why():
    found = trained({"kind": "soteria", "layer": "nowhere"})
    assert found.accuracy is None
    assert "no linear layer nowhere" in found.error
    assert found.knobs == {"share": 0.8, "layer": "nowhere"}


def test_keys_depend_on_rounds_defense_and_network():
    one = [*jobs(config([{"kind": "sign"}]), 2), *jobs(config([{"kind": "sign"}]), 3)]
    other = jobs(config([{"kind": "sign"}], models=["lenet"]), 2)
    assert len({job.key for job in [*one, *other]}) == 6


@pytest.mark.slow
def test_what_is_trained_is_not_trained_again(tmp_path):
    wanted = config([{"kind": "sign"}])
    reports = []

    def measure():
        return measure_utilities(
            wanted, tmp_path, rounds=2, device="cpu", workers=1, progress=lambda *pair: reports.append(pair)
        )

    first = measure()
    assert reports == [(0, 2), (1, 2), (2, 2)]
    assert sorted(one.defense for one in first) == ["identity", "sign"]
    assert measure() == first
    assert reports[3:] == [(2, 2)]


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "utility").mkdir()
    (tmp_path / "utility" / "ab.json").write_text('{"schema": 1}')
    with pytest.raises(RecordError, match=r"ab\.json: field 'model'"):
        load_utilities(tmp_path)
