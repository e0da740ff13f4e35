"""One image behind a fork, layer by layer from the public head's gradient, then all at once."""

from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from torch import Tensor

from attacks.base import Attack, Case, Found
from attacks.canvas import GivenPixels
from attacks.evidence import Evidence, completed
from attacks.evidence.requirements import require_one_exact_example
from attacks.exact.label import possible_labels
from attacks.exact.misfit import misfit
from attacks.exact.recursion.chain import Chain, chain_of
from attacks.exact.recursion.head import Head
from attacks.exact.recursion.rgap import undone
from attacks.forked.beneath import Beneath, beneath_fork
from attacks.forked.public_head import PublicHead, public_head
from attacks.jacobian import affordable
from attacks.labelling import Decided
from attacks.likelihoods import Gaussian
from attacks.matching import GradientMatching
from attacks.model import Model
from attacks.nuisances import GivenSecret, UpstreamGradient
from attacks.posterior import IMAGES
from attacks.searches import LevenbergMarquardt
from attacks.stage import Stage
from gradveil.exchange import Observation


def _polish() -> GradientMatching:
    stage = Stage(
        LevenbergMarquardt(iterations=8, damping=1e-12, patience=3), likelihood=Gaussian(resolution=1e-7)
    )
    return GradientMatching(stages=(stage,), restarts=1, double=True)


@dataclass(frozen=True)
class ForkedRecursion(Attack):
    """One image, though a private head of unknown weights, codes and loss is trained beside the public one.

    The public head's gradient gives the label, the features at the fork and the weight of the cross-entropy.
    The features fix the inputs of the layer beneath, W x = z; its gradient is then linear in the whole signal
    that both heads send back, so that this is solved for, and the layers before are undone as R-GAP does.
    Rounding of float32 readings grows on the way; so Levenberg-Marquardt moves the image and the
    private signal together at last, until both explain all readings.

    Assumed: plain training otherwise (one example, no noise), a chain of convolutions and linear layers with
    invertible activations, and a layer beneath the fork that its outputs determine. Nothing is assumed of
    the private head.

    Attributes:
        polish: the last search; None leaves the closed form as it is.

    Source: ours. The defense: Fan et al. 2020 (arXiv 2006.11601); layers: Zhu and Blaschko 2021 (ICLR).
    """

    name: ClassVar[str] = "forked_recursion"
    citation: ClassVar[str] = "ours; against Fan et al. 2020 (arXiv 2006.11601), secret polarization network"

    polish: GradientMatching | None = field(default_factory=_polish)

    def run(self, observation: Observation, model: Model, client: str, rng: torch.Generator) -> Found:
        """The closed form, polished where the unknowns are few enough.

        Raises:
            NotApplicableError: several examples, noise, another kind of network, or too much is hidden.
        """
        wide = model.double()
        evidence = completed(observation, client, wide)
        require_one_exact_example(
            evidence, "noise on the readings grows from layer to layer; use fork_matching"
        )
        chain = chain_of(wide)
        head = public_head(evidence, wide, chain.layers[-1], possible_labels(observation, client, model))
        plain = replace(evidence, values=evidence.values / head.weight)
        beneath = beneath_fork(head.features, chain, plain, wide)
        image = _image(head, beneath, chain, plain, wide).clamp(*observation.knowledge.value_range)
        private = _private_signal(head, beneath, chain)
        if self.polish is not None and affordable(wide, image.numel() + private.numel()):
            case = Case(observation, client)
            image, private = self._polished(
                self.polish, case, image, private, head.label, plain, chain, wide, rng
            )
        return _found(image, private, head.label, plain, chain, wide)

    def _polished(
        self,
        polish: GradientMatching,
        case: Case,
        image: Tensor,
        private: Tensor,
        label: int,
        evidence: Evidence,
        chain: Chain,
        model: Model,
        rng: torch.Generator,
    ) -> tuple[Tensor, Tensor]:
        """Image and private signal after the last search."""
        secret = GivenSecret(of=_upstream(chain), given=private[None, None])
        search = replace(
            polish,
            view=lambda *_: evidence,
            labelling=Decided((label,)),
            canvas=GivenPixels(given=image[None, None]),
            nuisances=(secret,),
        )
        _, posterior, points, _ = search.search([case], model, rng)
        blocks = posterior.unknowns.split(points[:1])
        return blocks[IMAGES][0, 0], blocks[secret.name][0, 0]


def _upstream(chain: Chain) -> UpstreamGradient:
    """What a private head adds at the outputs of the layer beneath the fork."""
    return UpstreamGradient(chain.layers[-2].name)


def _image(head: PublicHead, beneath: Beneath, chain: Chain, evidence: Evidence, model: Model) -> Tensor:
    """The image (C, H, W), by R-GAP from the layer beneath the fork on."""
    rest = Chain(chain.entrance, chain.layers[:-1], chain.activations[:-1])
    start = Head(beneath.solution.inputs, beneath.signal, head.label, 0.0)
    solutions, _ = undone(start, rest, evidence, model)
    entered = (solutions or [beneath.solution])[-1].inputs
    return chain.entrance.image(entered.reshape(model.input_shape))


def _private_signal(head: PublicHead, beneath: Beneath, chain: Chain) -> Tensor:
    """The signal at the outputs of the layer beneath the fork, less what the public head sends back."""
    public = chain.layers[-1].sent_back(head.deltas[None])[0] * chain.activations[-1].slopes(head.features)
    return (beneath.signal - public).reshape(chain.layers[-2].output_shape)


def _found(
    image: Tensor, private: Tensor, label: int, evidence: Evidence, chain: Chain, model: Model
) -> Found:
    """The image and its relative squared error, given the private signal."""
    hidden = _upstream(chain).hidden(private[None, None])
    labels = torch.tensor([[label]], device=model.device)
    error = float(misfit(image[None, None], labels, evidence, model, (hidden,))[0])
    return Found(image[None].float().cpu().numpy(), (label,), evidence.clients, error, unexplained=error)
