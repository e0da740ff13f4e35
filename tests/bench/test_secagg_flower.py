"""Flower's own code, where it is installed: it comes to the right mean, and is compared with ours."""

from importlib.util import find_spec

import pytest

from gradveil.bench import Samples
from gradveil.bench.results import OURS
from gradveil.bench.secagg import run_secagg
from gradveil.bench.secagg_plan import Cohort, SecAggMetric, SecAggPlan

pytestmark = [
    pytest.mark.skipif(find_spec("flwr") is None, reason="flwr is missing: pip install 'gradveil[peers]'"),
    pytest.mark.filterwarnings("default"),  # its dependencies warn when they are imported
]

COHORT, MEMORY = Cohort(500, 5, dropout=0.2), Cohort(10**5, 5)


@pytest.fixture(scope="module")
def samples():
    found = Samples()
    run_secagg(SecAggPlan((COHORT,), (COHORT,), (), MEMORY, (), repetitions=2, peers=True), found)
    return found


def test_each_metric_is_compared(samples):
    ratios = {each.cell.metric: each for each in samples.ratios()}
    assert ratios.keys() == set(SecAggMetric) - {SecAggMetric.AES_LIMIT}
    assert all(each.peer_package.startswith("flwr ") for each in ratios.values())
    assert ratios[SecAggMetric.SERVER_UNMASK].ratio > 1
    assert ratios[SecAggMetric.CLIENT_SHARE].ratio > 1


def test_its_setup_says_what_was_run(samples):
    names = {cell.name for cell in samples.medians() if cell.package != OURS and "flwr" in cell.package}
    assert "SecAgg+ end to end, in-process grid, 2 repetitions:" in names


def test_it_sends_eight_bytes_a_coordinate(samples):
    uplinks = [each for each in samples.ratios() if each.cell.metric is SecAggMetric.UPLINK]
    assert [8 < each.peer < 9 for each in uplinks] == [True]
