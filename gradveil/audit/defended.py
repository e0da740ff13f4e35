"""What a cohort's clients hand to the wire behind a defense that acts before it."""

import copy
from dataclasses import dataclass, replace
from time import perf_counter

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attacks import Model
from gradveil.audit.cohort import Cohort
from gradveil.audit.seeds import derive, numpy_rng, torch_rng
from gradveil.defenses import Mechanism, Stages, Work
from gradveil.exchange import Update, weighted_mean


@dataclass(frozen=True, eq=False)
class Defended:
    """A cohort behind a defense.

    Attributes:
        cohort: with the images that were fed in, which is all that an adversary can hope for, and the
            updates that go to the wire.
        seconds: mean of the clients, for what they do before the wire beyond their gradient.
        model: the public network, as the defense leaves it.
        truth: weighted mean without any defense; behind one in the model, which has other parameters, of what
            its clients compute before anything else is done to it.
    """

    cohort: Cohort
    seconds: float
    model: Model
    truth: Update


def defend(defense: Mechanism, cohort: Cohort, model: Model, seed: int) -> Defended:
    """Take every client past the defense's batch, model and update; a wire's leaves the cohort as it is.

    Behind a defense in the model every client gets secrets of its own, of the seed.

    Raises:
        DefenseError: the defense does not fit the network.
    """
    stages, truth = Stages.of(defense), weighted_mean(list(cohort.updates.values()))
    if not stages.before_the_wire:
        return Defended(cohort, 0.0, model, truth)
    public = _public(stages, model)
    clients = {name: _client(stages, cohort, name, model, public, seed) for name in cohort.updates}
    changed = replace(
        cohort,
        images={name: one.fed.cpu().numpy() for name, one in clients.items()},
        updates={name: one.sent for name, one in clients.items()},
    )
    if stages.model is not None:
        truth = weighted_mean([one.computed for one in clients.values()])
    return Defended(changed, sum(one.seconds for one in clients.values()) / len(clients), public, truth)


def _public(stages: Stages, model: Model) -> Model:
    if stages.model is None:
        return model
    network = stages.model.public(model.network)
    return Model(network, model.input_shape, model.classes, model.batch_norm)


@dataclass(frozen=True, eq=False)
class _Handed:
    """What one client fed in and computed, what it hands to the wire, and the defense's seconds."""

    fed: Tensor
    computed: Update
    sent: Update
    seconds: float


def _client(stages: Stages, cohort: Cohort, name: str, model: Model, public: Model, seed: int) -> _Handed:
    images = torch.from_numpy(cohort.images[name]).to(model.device)
    classes = torch.tensor(cohort.labels[name], device=model.device)
    start = perf_counter()
    one_hot = F.one_hot(classes, model.classes).to(images.dtype)
    fed, labels = stages.feed(images, one_hot, torch_rng(seed, "batch", name))
    seconds = perf_counter() - start
    update, network = cohort.updates[name], model.network
    if stages.model is not None:
        update, network, more = _private(stages, public, fed, labels, derive(seed, "model", name))
        seconds += more
    elif stages.batch:
        update = Update(model.layout, (model.gradient(fed, labels) / len(fed)).cpu().numpy(), len(fed))
    start = perf_counter()
    sent = stages.apply(update, Work(network, fed, labels), numpy_rng(seed, "update", name))
    return _Handed(fed, update, sent, seconds + perf_counter() - start)


def _private(
    stages: Stages, public: Model, fed: Tensor, labels: Tensor, seed: int
) -> tuple[Update, nn.Module, float]:
    """A client's own mean gradient, its network, and how much longer it takes than the public one's."""
    assert stages.model is not None  # noqa: S101  asked for only then
    client = stages.model.client(copy.deepcopy(public.network), public.classes, seed)
    start = perf_counter()
    plain = F.cross_entropy(public.network(fed), labels)
    torch.autograd.grad(plain, [one for one in public.network.parameters() if one.requires_grad])
    between = perf_counter()
    found = client.gradient(fed, labels)
    seconds = max(0.0, (perf_counter() - between) - (between - start))
    mean = torch.cat([found[name].flatten() for name in public.layout.names]).cpu().numpy()
    return Update(public.layout, mean, len(fed)), client.network, seconds
