"""How fast Key-Lock's locks may learn: `python -m benchmarks.leakage.key_lock_rates [--quick]`.

A scale is relu(W k + a), so that a step of SGD on W and a moves its argument by the rate times |k|^2 + 1, 342
for a key of 1,024 uniform numbers; where all arguments of a channel's scale end below zero, no gradient comes
back. Digits of MNIST-5k, LeNet, ReLU locks by SGD with momentum 0.9 at several rates, `none` without a lock;
accuracies of 1,000 images that nobody trained on, mean over clients with their own locks. `one gradient`: as
`gradveil audit --utility` trains, 250 rounds of four clients, a gradient of eight images each, Adam with
steps of 3e-3 at the server, normalisation by the statistics of a fresh network. `local epochs`:
ten rounds of three clients, an epoch in batches of 64 each, Adam with steps of 3e-3 at the client, batch
statistics, unweighted means; `live` channels of each client's twelve have a scale that is not zero.
"""

import copy
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.leakage.common import Journal, finish, options, show, write
from benchmarks.leakage.key_lock_setting import accuracy, data_of, live_channels
from gradveil.audit.utility import Federation, Training
from gradveil.data import Dataset, load
from gradveil.defenses import Client, identity
from gradveil.defenses.model.key_lock import KeyLock
from gradveil.models import build

RATES: tuple[float | None, ...] = (None, 1e-2, 1e-3, 1e-4, 1e-5)
CLIENTS, EPOCHS, BATCH, STEP = 3, 10, 64, 3e-3


def one_gradient(rate: float | None, seed: int, rounds: int) -> dict[str, Any]:
    """Federated training with one gradient a client and round."""
    digits = load("mnist5k")
    network = build("lenet_bn", digits.input_shape, digits.classes, seed)
    defense = identity if rate is None else KeyLock(rate=rate)
    curve = Federation(defense, network, digits, Training(rounds, clients=4, seed=seed, every=rounds)).train()
    return {"accuracy": curve[-1][1]}


def local_epochs(rate: float, seed: int, epochs: int) -> dict[str, Any]:
    """Federated averaging with private locks."""
    training, held_out = data_of("digits")
    defense, rng = KeyLock(rate=rate), torch.Generator().manual_seed(seed)
    public = defense.public(build("lenet_bn", training.input_shape, training.classes, seed))
    clients = [defense.client(copy.deepcopy(public), training.classes, seed + n) for n in range(CLIENTS)]
    parts = np.array_split(np.arange(len(training.images)), CLIENTS)
    before = [live_channels(client.network) for client in clients]
    for _ in range(epochs):
        for client, part in zip(clients, parts, strict=True):
            _epoch(client, training, part, rng)
        _average(defense, [client.network for client in clients])
    return {
        "accuracy": float(np.mean([accuracy(client.network, held_out) for client in clients])),
        "live before": before,
        "live after": [live_channels(client.network) for client in clients],
    }


def _epoch(client: Client, data: Dataset, part: NDArray[np.int64], rng: torch.Generator) -> None:
    client.network.train()
    optimizer = torch.optim.Adam(client.parameters.values(), lr=STEP)
    for batch in torch.split(torch.randperm(len(part), generator=rng), BATCH):
        rows = part[batch.numpy()]
        optimizer.zero_grad()
        client.backward(torch.from_numpy(data.images[rows]), torch.from_numpy(data.labels[rows]))
        optimizer.step()


def _average(defense: KeyLock, networks: Sequence[nn.Module]) -> None:
    states = [defense.shared(network) for network in networks]
    mean = {
        name: torch.stack([one[name] for one in states]).mean(0) if value.is_floating_point() else value
        for name, value in states[0].items()
    }
    for network in networks:
        defense.adopt(network, mean)


def main() -> None:
    """Run what is not finished yet, write the JSON, print the tables."""
    chosen = options(__doc__, "key_lock_rates").parse_args()
    rounds, epochs = (10, 1) if chosen.quick else (250, EPOCHS)
    single = [
        (_key("one gradient", rate, chosen.seed, rounds), partial(one_gradient, rate, chosen.seed, rounds))
        for rate in RATES
    ]
    local = [
        (_key("local epochs", rate, chosen.seed, epochs), partial(local_epochs, rate, chosen.seed, epochs))
        for rate in RATES
        if rate is not None
    ]
    journal = Journal(chosen.journal)
    lines = [finish(journal, runs, "trainings") for runs in (single, local)]
    write(chosen.out, {"one gradient": lines[0], "local epochs": lines[1]})
    for group in lines:
        show("Key-Lock: rates of the locks", group)


def _key(training: str, rate: float | None, seed: int, rounds: int) -> dict[str, Any]:
    return {"training": training, "rate": "none" if rate is None else rate, "seed": seed, "rounds": rounds}


if __name__ == "__main__":
    main()
