"""Rounds through NVFlare's filters end where unprotected ones would; what else a result holds stays."""

import numpy as np
import pytest

pytest.importorskip("nvflare")

from nvflare.apis.dxo import DXO, DataKind, from_shareable
from nvflare.apis.shareable import make_reply

from gradveil.exchange import InvalidUpdateError
from gradveil.fl import (
    ModelMismatchError,
    PartiesError,
    PlanMismatchError,
    RefusedError,
    RoundAbortedError,
    UnprotectedRequestError,
)
from gradveil.fl.nvflare import KEYS_VARIABLE, ClientSide
from tests.fl.nvflare.sites import (
    ENCRYPTED,
    MASKED,
    MODEL,
    SELECTIVE,
    SITES,
    Job,
    expected,
    write_keys,
)
from tests.fl.opening import opened

CLOSE = 1e-5
PLANS = {"selective": SELECTIVE, "encrypted": ENCRYPTED}


@pytest.fixture
def start(tmp_path, monkeypatch):
    """From a plan to a job of it, with keys on disk."""
    monkeypatch.setenv(KEYS_VARIABLE, str(tmp_path / "keys"))

    def made(plan, kind=ClientSide):
        write_keys(tmp_path / "keys", plan)
        return Job(tmp_path / "results", kind)

    return made


def end_of(job, plan, folder):
    """The model as a site knows it."""
    sealed = (folder / "results" / "models" / "sealed_model").read_bytes()
    assert sealed == job.aggregator.sealed_model
    return opened(plan, folder / "keys", "site-2", job.model, sealed)


def assert_close(found, wanted, but=()):
    for name in set(wanted) - set(but):
        assert np.abs(found[name] - wanted[name]).max() < CLOSE


@pytest.mark.parametrize("kind", [DataKind.WEIGHTS, DataKind.WEIGHT_DIFF], ids=["weights", "differences"])
@pytest.mark.parametrize("name", PLANS)
def test_rounds_end_at_the_mean_of_what_sites_train(name, kind, start, tmp_path):
    plan = PLANS[name]
    job = start(plan)
    for _ in range(3):
        assert all(job.take_part(site, kind) for site in SITES)
        job.aggregate()
    assert_close(end_of(job, plan, tmp_path), expected(3), [] if name == "selective" else ["norm.batches"])
    assert np.array_equal(job.model["conv.weight"], MODEL["conv.weight"])


def test_a_result_holds_the_protocols_bytes_and_the_servers_cookies_only(start):
    job = start(SELECTIVE)
    for site in SITES:
        job.take_part(site)
    for result in job.wire:
        assert set(result) == {"DXO", "__headers__"}
        assert result.get_cookie_jar() is None
        dxo = from_shareable(result)
        assert (dxo.data_kind, set(dxo.data), dxo.meta) == (DataKind.APP_DEFINED, {"gradveil"}, {})
        assert b"seen by nobody" not in result.to_bytes()


def test_encrypted_values_are_not_on_the_wire_and_clear_ones_are(start):
    job = start(SELECTIVE)
    task = job.opened("site-1", job.task("site-1"))
    trained = job.trained("site-1", task)
    after = from_shareable(trained).data
    sent = job.result("site-1", trained).to_bytes()
    for name in ("conv.weight", "head.weight"):
        contribution = (np.float32(after[name]) - np.float32(MODEL[name])) * np.float32(2)
        assert (contribution.tobytes() in sent) == (name == "head.weight")
        assert np.float32(after[name]).tobytes() not in sent


def test_a_site_that_fails_costs_its_own_contribution(start, tmp_path):
    job = start(SELECTIVE)
    assert not job.lose("site-2")
    assert all(job.take_part(site) for site in SITES if site != "site-2")
    job.aggregate()
    stayed = [site for site in SITES if site != "site-2"]
    assert_close(end_of(job, SELECTIVE, tmp_path), expected(1, stayed))


def test_too_few_sites_leave_the_model_and_patience_ends(start):
    job = start(SELECTIVE)
    job.take_part("site-1")
    job.aggregate()
    assert_close(job.model, MODEL)
    job.take_part("site-1")
    with pytest.raises(RoundAbortedError, match="2 rounds in a row"):
        job.aggregate()


@pytest.mark.parametrize(
    "strip", [lambda meta: {}, lambda meta: {**meta, "gradveil": 3}], ids=["none", "number"]
)
def test_a_task_without_terms_is_refused_before_any_training(start, strip):
    job = start(SELECTIVE)
    dxo = from_shareable(job.task("site-1"))
    bare = DXO(DataKind.WEIGHTS, dxo.data, strip(dxo.meta)).to_shareable()
    with pytest.raises(UnprotectedRequestError):
        job.opened("site-1", bare)


def test_a_result_without_a_task_stays(start):
    """Such as that of submit_model, by which NVFlare asks for a site's best model."""
    job = start(SELECTIVE)
    with pytest.raises(UnprotectedRequestError):
        job.result("site-1", job.trained("site-1", DXO(DataKind.WEIGHTS, dict(MODEL)).to_shareable()))


def test_one_task_gives_one_result(start):
    job = start(SELECTIVE)
    task = job.opened("site-1", job.task("site-1"))
    job.result("site-1", job.trained("site-1", task))
    with pytest.raises(UnprotectedRequestError):
        job.result("site-1", job.trained("site-1", task))


def test_a_model_for_one_site_alone_is_refused(start):
    job = start(SELECTIVE)
    dxo = from_shareable(job.task("site-1"))
    swapped = {**dxo.data, "head.weight": dxo.data["head.weight"] + 1}
    with pytest.raises(ModelMismatchError):
        job.opened("site-1", DXO(DataKind.WEIGHTS, swapped, dxo.meta).to_shareable())


def test_the_server_gives_one_model_a_round(start):
    job = start(SELECTIVE)
    job.task("site-1")
    job.model["head.weight"] = job.model["head.weight"] + 1
    with pytest.raises(ModelMismatchError, match="different models"):
        job.task("site-2")


def test_an_upload_of_another_site_is_dropped(start):
    job = start(SELECTIVE)
    task = job.opened("site-1", job.task("site-1"))
    job.task("site-2")
    result = job.result("site-1", job.trained("site-1", task))
    assert job.accept("site-1", result)
    assert not job.accept("site-2", result)


def test_a_reply_outside_of_the_protocol_is_dropped(start):
    job = start(SELECTIVE)
    task = job.task("site-1")
    assert not job.accept("site-1", job.trained("site-1", task))
    assert not job.accept("site-2", DXO(DataKind.METRICS, {"accuracy": 1.0}).to_shareable())


@pytest.mark.parametrize("data_kind", [DataKind.METRICS, DataKind.COLLECTION])
def test_results_of_other_kinds_stay(start, data_kind):
    job = start(SELECTIVE)
    job.opened("site-1", job.task("site-1"))
    data = {"x": DXO(DataKind.METRICS, {"accuracy": 1.0})} if data_kind == DataKind.COLLECTION else {"x": 1.0}
    with pytest.raises(InvalidUpdateError, match="training only"):
        job.result("site-1", DXO(data_kind, data).to_shareable())


def test_of_a_failed_task_only_the_return_code_leaves(start):
    job = start(SELECTIVE)
    failed = make_reply("EXECUTION_EXCEPTION", {"why": "seen by nobody"})
    failed["extra"] = "seen by nobody"
    found = job.result("site-1", failed)
    assert found.get_return_code() == "EXECUTION_EXCEPTION"
    assert b"seen by nobody" not in found.to_bytes()


def test_a_gate_keeps_a_contribution(start):
    class Careful(ClientSide):
        def gate(self, terms, trained):
            raise RefusedError("not today")

    job = start(SELECTIVE, Careful)
    task = job.opened("site-1", job.task("site-1"))
    with pytest.raises(RefusedError):
        job.result("site-1", job.trained("site-1", task))


def test_a_plan_that_masks_is_refused_by_both_sides(start):
    job = start(MASKED)
    with pytest.raises(PlanMismatchError, match="several exchanges"):
        job.task("site-1")


def test_a_site_without_keys_says_so(start, monkeypatch):
    job = start(SELECTIVE)
    task = job.task("site-1")
    monkeypatch.delenv(KEYS_VARIABLE)
    with pytest.raises(PartiesError, match=KEYS_VARIABLE):
        job.opened("site-1", task)
