import fcntl

import pytest
import torch

from gradveil.audit import Processes, choose_device, run_audit
from gradveil.audit.cohort import draw_cohort
from gradveil.audit.plan import cases
from gradveil.audit.runner import Runner
from gradveil.data import load
from gradveil.exchange import GradveilError
from tests.audit.targets import LENET


def _run(config, folder, workers=2):
    seen = []
    records = run_audit(
        config,
        folder,
        executor=Processes("cpu", workers),
        progress=lambda done, total: seen.append((done, total)),
    )
    return records, seen


def _comparable(records):
    return sorted((record.key, record.without_times()) for record in records)


@pytest.fixture
def short(tiny):
    return tiny.model_copy(update={"victims": 1, "attacks": ["guess"]})


def test_a_run_has_one_record_for_each_case_and_repeats_none(tiny, tmp_path):
    records, seen = _run(tiny, tmp_path)
    assert sorted(record.key for record in records) == sorted(case.key(tiny) for case in cases(tiny))
    assert seen[-1] == (len(records), len(records))
    lines = (tmp_path / "records.jsonl").read_bytes()
    again, seen = _run(tiny, tmp_path)
    assert seen == [(len(records), len(records))]
    assert (tmp_path / "records.jsonl").read_bytes() == lines
    assert _comparable(again) == _comparable(records)


def test_a_cut_run_continues_to_the_same_records(short, tmp_path):
    whole, _ = _run(short, tmp_path / "whole", workers=1)
    _run(short, tmp_path / "cut", workers=1)
    path = tmp_path / "cut" / "records.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    resumed, seen = _run(short, tmp_path / "cut", workers=1)
    assert seen[0] == (len(whole) - 1, len(whole))
    assert _comparable(resumed) == _comparable(whole)


def test_another_configuration_is_refused(short, tmp_path):
    _run(short, tmp_path, workers=1)
    with pytest.raises(GradveilError, match="another configuration"):
        _run(short.model_copy(update={"seed": 9}), tmp_path)


def test_two_audits_in_one_folder_are_refused(short, tmp_path):
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(GradveilError, match="another audit is running"):
            _run(short, tmp_path)


@pytest.mark.parametrize("change", [{"models": ["resnet"]}, {"attacks": ["magic"]}])
def test_unknown_names_are_refused_before_anything_is_written(short, tmp_path, change):
    with pytest.raises(GradveilError, match="choose among"):
        _run(short.model_copy(update=change), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_repeated_entry_is_refused_before_anything_is_written(short, tmp_path):
    with pytest.raises(GradveilError, match="stands twice"):
        _run(short.model_copy(update={"attacks": ["guess", "guess"]}), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_missing_data_leaves_nothing_behind(short, tmp_path):
    with pytest.raises(GradveilError, match="no data folder"):
        _run(short.model_copy(update={"data": [str(tmp_path / "none")]}), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_device_that_is_not_there_is_refused():
    assert choose_device("cpu") == "cpu"
    with pytest.raises(GradveilError, match="choose auto, cpu or cuda"):
        choose_device("tpu")
    if not torch.cuda.is_available():
        assert choose_device("auto") == "cpu"
        with pytest.raises(GradveilError, match="no CUDA device"):
            choose_device("cuda")


def test_a_small_data_set_gives_no_line_up(short):
    model = Runner(short, "cpu").targets.model(LENET)
    digits = load("mnist5k")
    few = type(digits)("few", digits.images[:50], digits.labels[:50], 10)
    assert draw_cohort(few, model, 4, 1, _rng()).others is None
    assert draw_cohort(digits, model, 4, 1, _rng()).others.shape == (99, 1, 28, 28)


def _rng():
    import numpy as np

    return np.random.default_rng(0)
