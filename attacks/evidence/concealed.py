"""What is read of a client that mixes its gradient with that of synthetic examples."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from attacks.evidence.evidence import Evidence, readable
from attacks.model import Model
from gradveil.exchange import Observation


@dataclass(frozen=True)
class AmongOthers:
    """The view of an adversary who knows that behind every example there is a synthetic one.

    The mean over both kinds is read as a sum over twice the examples, all of which are sought; which of
    those found are synthetic is left open.

    Attributes:
        view: how the wire is read.

    Source: ours; the mechanism is that of Wu et al. 2024 (AAAI).
    """

    view: Callable[[Observation, str, Model], Evidence] = readable

    def __call__(self, observation: Observation, client: str, model: Model) -> Evidence:
        """The view's evidence of twice the examples."""
        seen = self.view(observation, client, model)
        return replace(seen, values=2 * seen.values, noise_std=2 * seen.noise_std, examples=2 * seen.examples)
