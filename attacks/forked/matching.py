"""Images behind a fork by search, where layers cannot be undone: rectifiers, normalisation, batches."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch

from attacks.base import Attack, Case, Found
from attacks.errors import NotApplicableError
from attacks.evidence import Evidence
from attacks.matching import GradientMatching, View
from attacks.model import Model
from attacks.model.recording import recorded
from attacks.nuisances import UpstreamGradient
from attacks.priors import Box, Product, TotalVariation
from attacks.searches import LBFGS
from attacks.stage import Stage
from gradveil.exchange import Observation


def _matching() -> GradientMatching:
    return GradientMatching(
        prior=Product((Box(), TotalVariation(1e-2))),
        stages=(Stage(LBFGS(iterations=1000, history=100)),),
    )


@dataclass(frozen=True)
class ForkMatching(Attack):
    """Gradient matching with what a private head sends back to the fork as an unknown of every example.

    Labels come from the public head, whose gradient is of the cross-entropy alone.

    Attributes:
        matching: the search; the unknown at the fork is added to it.
        std: believed standard deviation of that unknown's elements; None if nothing is known.
        public_weight: of the cross-entropy in the client's loss.

    Source: ours. The defense: Fan et al. 2020 (arXiv 2006.11601); the search: Balunovic et al. 2022 (ICLR).
    """

    name: ClassVar[str] = "fork_matching"
    citation: ClassVar[str] = "ours; against Fan et al. 2020 (arXiv 2006.11601), secret polarization network"

    matching: GradientMatching = field(default_factory=_matching)
    std: float | None = None
    public_weight: float = 1.0

    @property
    def auxiliary_data(self) -> str:
        """That of the search."""
        return self.matching.auxiliary_data

    def run(self, observation: Observation, model: Model, client: str, rng: torch.Generator) -> Found:
        """One search over images and gradients at the fork.

        Raises:
            NotApplicableError: no layer puts out just what the public head sees.
        """
        return self.run_many([Case(observation, client)], model, rng)[0]

    def run_many(self, cases: Sequence[Case], model: Model, rng: torch.Generator) -> list[Found]:
        """The same for several victims at once."""
        upstream = UpstreamGradient(fork_of(model), self.std)
        view = _Divided(self.matching.view, self.public_weight)
        search = replace(self.matching, view=view, nuisances=(*self.matching.nuisances, upstream))
        return search.run_many(cases, model, rng)


@dataclass(frozen=True)
class _Divided:
    """A view of readings over the weight of the cross-entropy, as those of a cross-entropy alone."""

    of: View
    weight: float

    def __call__(self, observation: Observation, client: str, model: Model) -> Evidence:
        seen = self.of(observation, client, model)
        return replace(seen, values=seen.values / self.weight, noise_std=seen.noise_std / self.weight)


def fork_of(model: Model) -> str:
    """The last layer whose output is, as it stands, the input of the last linear layer: the public head.

    Raises:
        NotApplicableError: there is none, or the head is not called once.
    """
    head = model.linear_layers[-1]
    leaves: list[str] = [
        name for name, one in model.network.named_modules() if name and not list(one.children())
    ]
    noise = torch.rand(1, *model.input_shape, generator=torch.Generator().manual_seed(0))
    with recorded(model.network, leaves) as calls, torch.no_grad():
        model.logits(noise.to(model.device, model.dtype))
    if len(calls[head]) != 1:
        raise NotApplicableError(f"the public head {head} is not called just once")
    seen = calls[head][0].input
    before = [n for n in leaves if len(calls[n]) == 1 and torch.equal(calls[n][0].output, seen)]
    if not before:
        raise NotApplicableError(f"no layer puts out what {head} sees; give the fork a layer of its own")
    return before[-1]
