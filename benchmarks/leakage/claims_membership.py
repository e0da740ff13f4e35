"""Is a digit among those that a client trained on, if a part of its weights is encrypted?"""

import copy
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import cross_entropy

from attacks import Model
from attacks.examples import Examples as Candidates
from attacks.membership import GradientCosine, GradientRegression, Round
from benchmarks.leakage.membership_setting import (
    LOCAL,
    TRAINED,
    Federation,
    Indices,
    change_observed,
    own_images,
    sgd,
    trained,
)
from gradveil.calibration import Examples, rank
from gradveil.metrics import detection

_OTHERS, _EPOCHS = 200, 5


def membership(strategy: str, ratio: float, clients: int, seed: int) -> dict[str, Any]:
    """Area under the ROC curve over all clients, each against the same digits of nobody's.

    Theirs thresholds the loss of the client's network with encrypted weights as the server last saw them;
    ours compares the readable change of the weights with the candidates' gradients.
    """
    federation, model = Federation(seed), public_model(seed)
    scores: dict[str, list[NDArray[np.float64]]] = {
        "theirs": [],
        "gradient_cosine": [],
        "gradient_regression": [],
    }
    inside = []
    for client in range(clients):
        own = own_images(client)
        held, others = federation.examples(own), np.arange(TRAINED, TRAINED + _OTHERS)
        candidates = federation.examples(np.concatenate([own, others]))
        hidden = encrypted(model, held, strategy, ratio, seed)
        network = after_training(model, held, client)
        scores["theirs"].append(confidence(model, network, hidden, candidates))
        observation = change_observed(model, network, held, str(client), hidden)
        for attack in (GradientCosine(), GradientRegression(population=federation.small_population(200))):
            found = attack.scores(
                [Round(observation, model)], candidates, client=str(client), rng=torch.Generator()
            )
            scores[attack.name].append(found.scores)
        inside.append(np.arange(len(candidates)) < len(own))
    return {name: round(detection(one, inside).auc.value, 3) for name, one in scores.items()}


@cache
def public_model(seed: int) -> Model:
    """What clients start from, trained on digits of nobody in the experiment."""
    return trained(Federation(seed).population.examples, (_EPOCHS,), seed)[_EPOCHS]


def encrypted(model: Model, held: Candidates, strategy: str, ratio: float, seed: int) -> Indices:
    """What the client's mask encrypts, calibrated on its own digits."""
    if strategy == "none":
        return np.empty(0, np.int64)
    return rank(strategy, Examples(model, held.images, held.labels, "own images", seed=seed)).at(ratio).coords


def after_training(model: Model, held: Candidates, client: int) -> nn.Module:
    """The client's network."""
    network = copy.deepcopy(model.network)
    sgd(network, held, LOCAL, torch.Generator().manual_seed(client))
    return network


def confidence(
    model: Model, network: nn.Module, hidden: Indices, candidates: Candidates
) -> NDArray[np.float64]:
    """Minus the loss of each candidate under the client's network, encrypted weights as before training."""
    before, after = flat(model.network), flat(network)
    after[hidden] = before[hidden]
    exposed = copy.deepcopy(network)
    nn.utils.vector_to_parameters(after, exposed.parameters())
    with torch.no_grad():
        losses = cross_entropy(exposed(candidates.images), candidates.labels, reduction="none")
    return -losses.double().numpy()


def flat(network: nn.Module) -> torch.Tensor:
    """All weights (P,), copied."""
    return nn.utils.parameters_to_vector(network.parameters()).detach().clone()
