"""Plan files as `gradveil plan` writes them, keys that `gradveil keys` makes for them, and real training."""

from functools import cached_property

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from typer.testing import CliRunner

from gradveil.cli.app import app
from gradveil.data import load
from tests.planning import networks
from tests.simulation.conftest import write_blobs

CLIENTS, ROUNDS, HELD_OUT = 6, 3, 30
RATE, STEPS, BATCH = 0.02, 10, 8
MAX_ERROR = 0.01
"""Of one round's mean, relative; the plan's promise."""

ONE_EXCHANGE = ("--one-exchange", "--corrupt", 0)
MASKED = {"masked": ("--corrupt", 0.17)}
ENCRYPTED = {"packed": (*ONE_EXCHANGE, "--scheme", "packed"), "ckks": (*ONE_EXCHANGE, "--scheme", "ckks")}
"""What `gradveil plan` is told of the threat; the network has running statistics and a counter."""


def made(folder, threat, names):
    """A job in a folder, as its operator makes it."""
    planned = Planned(folder)
    write_blobs(planned.data)
    wishes = ("--clients", CLIENTS, "--dropout", 0.17, "--max-leakage", 139, "--attack-steps", 10)
    local = ("--rate", RATE, "--steps", STEPS, "--max-error", MAX_ERROR, "--metric", "loss=20")
    data = ("--data", f"npz:{planned.data}", "--out", planned.plan.parent)
    gradveil("plan", f"{networks.__name__}:normed", *data, *wishes, *local, *threat)
    parties = [option for name in names for option in ("--party", name)]
    gradveil("keys", "new", "job", "--plan", planned.plan, "--out", planned.keys, *parties)
    return planned


class Planned:
    """The files of a job in a folder, and what its clients do.

    Attributes:
        plan: the file.
        keys: the folder.
        data: images of all clients together, and those held out.
    """

    def __init__(self, folder):
        self.plan, self.keys, self.data = (
            folder / name for name in ("planned/job.plan", "keys", "blobs.npz")
        )

    @cached_property
    def blobs(self):
        return load(f"npz:{self.data}")

    @property
    def network(self):
        """The same at the start of every job."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            return networks.normed()

    def train(self, number, values):
        """New values, the number of a client's images and the loss before."""
        network = loaded(self.network, values).train()
        images, labels = (torch.from_numpy(one[HELD_OUT + number :: CLIENTS]) for one in self._pairs)
        optimizer = torch.optim.SGD(network.parameters(), lr=RATE)
        rows = torch.arange(STEPS * BATCH).reshape(STEPS, BATCH) % len(labels)
        for batch in rows:
            optimizer.zero_grad()
            loss = cross_entropy(network(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
        return values_of(network), len(labels), loss.item()

    def accuracy(self, values):
        images, labels = (torch.from_numpy(one[:HELD_OUT]) for one in self._pairs)
        with torch.no_grad():
            found = loaded(self.network, values).eval()(images).argmax(1)
        return float((found == labels).double().mean())

    @property
    def _pairs(self):
        return self.blobs.images, self.blobs.labels


def gradveil(*arguments):
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    assert done.exit_code == 0, (done.output, done.exception)


def values_of(network):
    return {name: value.detach().numpy().copy() for name, value in network.state_dict().items()}


def loaded(network, values):
    network.load_state_dict({name: torch.as_tensor(np.array(value)) for name, value in values.items()})
    return network


def assert_trained_as_without(planned, plan, protected, plain):
    """Both ended at the same weights, up to the plan's error, which are better than the first."""
    start, sent = plan.layout.flatten(values_of(planned.network)), ~plan.dropped.mask
    ends = [plan.layout.flatten(values)[sent] for values in (protected, plain)]
    assert np.linalg.norm(ends[0] - ends[1]) < ROUNDS * MAX_ERROR * np.linalg.norm(ends[1] - start[sent])
    assert planned.accuracy(protected) == planned.accuracy(plain) > 0.8
    assert planned.accuracy(values_of(planned.network)) < 0.6
