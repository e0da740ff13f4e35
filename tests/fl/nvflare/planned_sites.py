"""A job of a planned file in NVFlare's simulator: `python -m tests.fl.nvflare.planned_sites FOLDER`."""

import sys
from pathlib import Path

import torch
from nvflare.apis.dxo import DXO, DataKind, MetaKey, from_shareable
from nvflare.apis.executor import Executor
from nvflare.app_common.shareablegenerators.full_model_shareable_generator import FullModelShareableGenerator
from nvflare.app_common.workflows.scatter_and_gather import ScatterAndGather
from nvflare.app_opt.pt.file_model_persistor import PTFileModelPersistor
from nvflare.job_config.api import FedJob

from gradveil.fl.nvflare import protect
from tests.fl.planned import CLIENTS, ROUNDS, Planned

SITES = tuple(f"site-{number + 1}" for number in range(CLIENTS))
PROCESSES = 2


class Trainer(Executor):
    """Trains on its site's share of the blobs, without a thought of protection."""

    def __init__(self, folder):
        super().__init__()
        self._folder = folder

    def execute(self, task_name, shareable, fl_ctx, abort_signal):
        """See `Executor`."""
        number = SITES.index(fl_ctx.get_identity_name())
        values, examples, _ = Planned(Path(self._folder)).train(number, from_shareable(shareable).data)
        return DXO(DataKind.WEIGHTS, values, {MetaKey.NUM_STEPS_CURRENT_ROUND: examples}).to_shareable()


def job(folder):
    """A usual one for PyTorch that starts at a checkpoint, and one line of protection."""
    start = folder / "start.pt"
    torch.save(Planned(folder).network.state_dict(), start)
    found = FedJob(name="planned", min_clients=CLIENTS)
    found.set_app_packages(["tests"])
    rounds = {"min_clients": CLIENTS, "num_rounds": ROUNDS, "wait_time_after_min_received": 0}
    found.to(ScatterAndGather(**rounds, persistor_id="persistor"), "server")
    found.to(PTFileModelPersistor(source_ckpt_file_full_name=str(start)), "server", id="persistor")
    found.to(FullModelShareableGenerator(), "server", id="shareable_generator")
    found.to(Trainer(str(folder)), "@ALL", tasks=["train"])
    protect(found)
    return found


# NVFlare spawns processes that import this module again.
if __name__ == "__main__":
    where = Path(sys.argv[1])
    options = {"n_clients": CLIENTS, "threads": PROCESSES, "log_config": "concise"}
    sys.exit(job(where).simulator_run(str(where / "run"), **options))
