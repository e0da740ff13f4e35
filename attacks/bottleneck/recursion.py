"""One image in front of a bottleneck, layer by layer from what the encoder's gradient says."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from attacks.base import Attack, Found
from attacks.bottleneck.noise import Bottleneck, bottleneck_of, noise_read
from attacks.errors import NotApplicableError
from attacks.evidence import Evidence, completed, tensor_read
from attacks.evidence.requirements import require_one_exact_example
from attacks.exact.misfit import misfit
from attacks.exact.recursion.chain import chain_of
from attacks.exact.recursion.head import Head
from attacks.exact.recursion.rgap import undone
from attacks.labelling import Inferred
from attacks.linear import layer_inputs
from attacks.model import Model
from attacks.nuisances import VariationalNoise
from gradveil.exchange import Observation


@dataclass(frozen=True)
class BottleneckRecursion(Attack):
    """One image, though noise of a client's own has passed behind the layers that saw it.

    The noise enters the gradient of the layers before it only through what is sent back to the encoder, and
    that is the gradient of the encoder's bias. So the recursion of R-GAP begins at the encoder, and neither
    noise nor label is needed. The noise is read to see how well the image explains the readings.

    Attributes:
        encoder: the layer that puts out means and log-variances; None for the last linear layer but two.
        divergence: weight of the Kullback-Leibler divergence in the client's loss.

    Source: ours; layers as Zhu and Blaschko 2021 (ICLR). The defense: Scheliga et al. 2022 (WACV, PRECODE).
    """

    name: ClassVar[str] = "bottleneck_recursion"
    citation: ClassVar[str] = "ours; against Scheliga et al. 2022 (WACV), PRECODE"

    encoder: str | None = None
    divergence: float = 1e-3

    def run(self, observation: Observation, model: Model, client: str, rng: torch.Generator) -> Found:
        """Features at the encoder in closed form, then the layers before it.

        Raises:
            NotApplicableError: several examples, noise on the readings, another kind of network, too much
                hidden, or layers that leave pixels open, as rectifiers do.
        """
        wide = model.double()
        evidence = completed(observation, client, wide)
        require_one_exact_example(
            evidence, "noise on the readings grows from layer to layer; use bottleneck_matching"
        )
        bottleneck = bottleneck_of(wide, self.encoder)
        noise = noise_read(evidence, wide, bottleneck)
        image = _image(bottleneck, evidence, wide).clamp(*observation.knowledge.value_range)
        labels = Inferred().candidates(observation, client, model)
        assert labels is not None  # noqa: S101  they are sought for jointly by other labellings only
        secret = VariationalNoise(bottleneck.encoder, divergence=self.divergence)
        rows = len(labels)
        hidden = secret.hidden(noise.expand(rows, -1, -1))
        given = torch.tensor(labels, device=model.device)
        errors = misfit(image.expand(rows, 1, *image.shape), given, evidence, wide, [hidden])
        best = int(errors.argmin())
        error, found = float(errors[best]), image[None].float().cpu().numpy()
        return Found(found, labels[best], evidence.clients, error, unexplained=error)


def _image(bottleneck: Bottleneck, evidence: Evidence, model: Model) -> Tensor:
    """The image (C, H, W) from features at the encoder and the gradient of its outputs."""
    chain = chain_of(model, bottleneck.encoder)
    features, _ = layer_inputs(evidence, model, bottleneck.encoder)
    deltas, read = tensor_read(evidence, model, f"{bottleneck.encoder}.bias")
    if not bool(read.all()):
        raise NotApplicableError(
            "what is sent back to the encoder is hidden in part; use bottleneck_matching"
        )
    head = Head(features.to(model.dtype), deltas.to(features.device, model.dtype), label=-1, error=0.0)
    solutions, _ = undone(head, chain, evidence, model)
    if deficit := sum(one.deficit for one in solutions):
        raise NotApplicableError(f"layers leave {deficit} values open; use bottleneck_matching")
    return chain.entrance.image(solutions[-1].inputs.reshape(model.input_shape))
