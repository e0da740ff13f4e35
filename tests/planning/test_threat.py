import pytest

from gradveil.planning import Budget, PlanningError, Threat
from secagg import Adversary


def test_a_sum_holds_whoever_neither_vanishes_nor_colludes():
    threat = Threat(clients=100, dropout=0.29, corrupt=0.07)
    assert (threat.survivors, threat.colluders, threat.honest) == (71, 7, 64)


@pytest.mark.parametrize(
    "fields",
    [
        {"clients": 1},
        {"clients": 1001},
        {"dropout": 1.0},
        {"corrupt": -0.1},
        {"batch": 0},
        {"batch": 9, "max_weight": 8},
        {"max_weight": 2**25},
    ],
    ids=str,
)
def test_impossible_assumptions_are_refused(fields):
    with pytest.raises(PlanningError):
        Threat(**fields)


@pytest.mark.parametrize("field", ["leakage", "error", "bytes", "seconds"])
@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan")])
def test_a_budget_is_positive_and_finite(field, value):
    with pytest.raises(PlanningError, match=field):
        Budget(**{field: value})


def test_no_noise_at_all_is_a_budget():
    assert Budget(noise=0.0).noise == 0
    with pytest.raises(PlanningError, match="noise"):
        Budget(noise=-0.1)


def test_notes_tell_of_keys_that_colluders_hold():
    assert "open" in " ".join(Threat(corrupt=0.1).notes())
    assert "open" not in " ".join(Threat(corrupt=0.0).notes())


def test_notes_tell_what_a_malicious_server_can_do_to_any_plan():
    assert "LiveAudit" in " ".join(Threat(server=Adversary.MALICIOUS).notes())
    assert "LiveAudit" not in " ".join(Threat().notes())
