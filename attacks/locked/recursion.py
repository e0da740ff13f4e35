"""Images from behind a lock whose key nobody has: layers undone up to it, then one linear system."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from attacks.base import Attack, Found
from attacks.evidence import Evidence, completed, tensor_read
from attacks.evidence.requirements import require_one_exact_example
from attacks.exact.label import possible_labels
from attacks.exact.misfit import misfit
from attacks.exact.recursion.head import Head, heads_of
from attacks.exact.recursion.readings import gradient_read
from attacks.exact.recursion.rgap import until_explained
from attacks.locked.contrast import filling, refitted
from attacks.locked.equations import Anchors, Equations
from attacks.locked.normalised import Behind
from attacks.locked.sites import LockedChain, locked_chain
from attacks.locked.undone import behind_lock
from attacks.model import Model
from attacks.priors import Moments
from gradveil.exchange import Observation

_SMOOTHNESS = (1e-12, 1e-9, 1e-7, 1e-5, 1e-3)


@dataclass(frozen=True)
class LockedRecursion(Attack):
    """One image through a locked chain of layers, in closed form and without the key.

    Labels, features and all activations behind the lock follow as in R-GAP, as nothing there is secret. What
    enters the first activation is u = gamma zhat + beta with unknown gamma and beta of every channel; its
    convolution's outputs are s u + t, and s, t and the image solve one linear system. The result is unique
    up to one common factor (contrast) unless the convolution has a bias and the client normalises by running
    statistics, or moments are known; the factor is then the one that fills the value range. Where channels
    are dead, smoothness decides what is left open, with the weight that explains the readings best.

    Attributes:
        moments: mean and variance (C,) of the locked convolution's outputs for this example, as a client
            that shares the buffers of one step gives away (`batch_moments`); None if they are not known.
        lock: scales and shifts (2, C) of an adversary who has stolen key and lock, as a control; None for
            one who has not.

    Source: ours; layers undone as in Zhu and Blaschko 2021 (ICLR).
    """

    name: ClassVar[str] = "locked_recursion"
    citation: ClassVar[str] = "ours; layers undone as in Zhu and Blaschko 2021 (ICLR), R-GAP"

    moments: Moments | None = None
    lock: Tensor | None = None

    @property
    def auxiliary_data(self) -> str:
        """The moments and the lock, where they are granted."""
        granted = {
            "moments of the example at the locked normalisation": self.moments,
            "the client's lock": self.lock,
        }
        return ", ".join(name for name, one in granted.items() if one is not None) or "none"

    def run(self, observation: Observation, model: Model, client: str, rng: torch.Generator) -> Found:
        """Head, layers behind the lock, then the linear system.

        Raises:
            NotApplicableError: nothing is locked, several examples, noise, another kind of network, too much
                is hidden, or a lock without moments where the client normalises by its own example.
        """
        wide = model.double()
        evidence = completed(observation, client, wide)
        require_one_exact_example(
            evidence, "noise on the readings grows from layer to layer; use locked_matching"
        )
        chain = locked_chain(wide)
        bounds = observation.knowledge.value_range
        heads = heads_of(evidence, wide, chain.rest, possible_labels(observation, client, model))
        return until_explained(self._from_head(head, chain, evidence, wide, bounds) for head in heads)

    def _from_head(
        self, head: Head, chain: LockedChain, evidence: Evidence, model: Model, bounds: tuple[float, float]
    ) -> Found:
        equations = self._equations(behind_lock(head, chain, evidence, model), chain, evidence, model)
        labels = torch.tensor([[head.label]], device=model.device)
        best: tuple[float, Tensor] | None = None
        for smoothness in _SMOOTHNESS:
            inputs = equations.solved(smoothness)[0].reshape(model.input_shape)
            fill = equations.contrast_open
            image = filling(inputs, chain.entrance, bounds) if fill else chain.entrance.image(inputs)
            image = image.clamp(*bounds)
            hidden = refitted(image, equations.arguments, equations.known, chain.site, model)
            error = float(misfit(image[None, None], labels, evidence, model, [hidden])[0])
            best = min(best or (error, image), (error, image), key=lambda one: one[0])
        assert best is not None  # noqa: S101  the loop is not empty
        error, found = best[0], best[1][None].float().cpu().numpy()
        return Found(found, (head.label,), evidence.clients, error, unexplained=error)

    def _equations(self, behind: Behind, chain: LockedChain, evidence: Evidence, model: Model) -> Equations:
        first, running = chain.first, model.batch_norm == "running"
        gradient, read = gradient_read(first, evidence, model)
        signal = behind.signal if running else behind.before(self._share(chain, model))
        strengths = behind.strengths(signal, gradient, read)[:, None]
        alive = strengths > 0
        whole_maps = alive[:, 0] if running else behind.known.all(1) & alive[:, 0]
        bias, bias_read = _bias_read(chain, evidence, model)
        return Equations(
            layer=first,
            arguments=behind.arguments,
            known=behind.precision * behind.known * strengths,
            signal=torch.where(alive, signal, 0.0),
            gradient=gradient,
            read=read * whole_maps.repeat_interleave(first.weight.shape[2]),
            bias=bias,
            bias_read=bias_read * whole_maps if running else torch.zeros_like(bias),
            anchors=self._anchors(behind, chain, model),
        )

    def _anchors(self, behind: Behind, chain: LockedChain, model: Model) -> Anchors | None:
        if self.moments is not None:
            return behind.anchors(self.moments, chain.offsets)
        return None if self.lock is None else chain.anchors(self.lock, model)

    def _share(self, chain: LockedChain, model: Model) -> Tensor | float:
        if self.moments is None:
            return 1.0
        variance = self.moments.variance.to(model.device, model.dtype)[:, None]
        return variance / (variance + chain.eps)


def _bias_read(chain: LockedChain, evidence: Evidence, model: Model) -> tuple[Tensor, Tensor]:
    """Readings (O,) of the locked convolution's bias, and which there are, 0 or 1; none without a bias."""
    name, weight = f"{chain.first.name}.bias", chain.first.weight
    if name not in model.parameters:
        return weight.new_zeros(len(weight)), weight.new_zeros(len(weight))
    values, seen = (one.to(weight) for one in tensor_read(evidence, model, name))
    return values * seen, seen
