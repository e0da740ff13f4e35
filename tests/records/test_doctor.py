import json
import sys
from importlib import metadata

import pytest

from gradveil import __version__, doctor


def by_name():
    return {finding.name: finding for finding in doctor.diagnose()}


def test_every_part_is_looked_at():
    required = [
        "numpy",
        "torch",
        "torchvision",
        "tenseal",
        "zstandard",
        "cryptography",
        "mlxtend",
        "scipy",
        "torchmetrics",
        "safetensors",
    ]
    assert list(by_name()) == ["python", *required, "gpu", "flwr", "ray", "breaching"]


def test_only_what_is_not_well_has_a_remedy():
    for finding in doctor.diagnose():
        assert finding.status in ("ok", "warn", "missing")
        assert bool(finding.remedy) == (finding.status != "ok")


def test_an_installed_package_shows_its_version():
    assert by_name()["numpy"] == doctor.Finding("numpy", "ok", metadata.version("numpy"))


def test_absent_packages(monkeypatch):
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    found = by_name()
    assert (found["tenseal"].status, found["tenseal"].remedy) == ("missing", "pip install tenseal")
    assert (found["flwr"].status, found["flwr"].remedy) == ("warn", "pip install 'gradveil[flower]'")
    assert doctor.versions() == {"gradveil": __version__}


def test_a_missing_torch_is_tolerated(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert by_name()["gpu"].status == "missing"


@pytest.mark.parametrize("part", ["machine", "versions"])
def test_facts_fit_into_a_record(part):
    facts = getattr(doctor, part)()
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts


def test_the_machine_is_described():
    facts = doctor.machine()
    assert list(facts) == ["platform", "cpu", "cores", "memory_gib", "python"]
    assert facts["cpu"]
    assert facts["cores"] >= 1


def test_a_system_without_sysconf_has_unknown_memory(monkeypatch):
    monkeypatch.delattr("os.sysconf")
    assert doctor.machine()["memory_gib"] is None
