"""The defenses that an audit can run, as they stand in its configuration."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gradveil.audit.checked import Bits, Checked, Positive, Ratio, Share
from gradveil.audit.model_specs import ModelSpec


class IdentitySpec(Checked):
    """No defense."""

    kind: Literal["identity"]


class GaussianNoiseSpec(Checked):
    """Noise of this standard deviation on each client's mean update."""

    kind: Literal["gaussian_noise"]
    std: Annotated[float, Field(gt=0)]


class SelectiveSpec(Checked):
    """Encryption of a share of the coordinates; `hybrid` masks the rest, the others leave it readable.

    `named` (first and last layer) and `all` fix their share. `magnitude` looks at the round's own updates,
    what follows `all` at public images.
    """

    kind: Literal["selective_ckks", "selective_packed", "selective_tenseal_vector", "hybrid"]
    strategy: Literal[
        "random",
        "magnitude",
        "named",
        "all",
        "sensitivity",
        "unlabelled_sensitivity",
        "maskcrypt",
        "row_norm",
        "row_norm_per_gradient",
        "information",
    ]
    ratios: list[Ratio] | None = None

    @model_validator(mode="after")
    def _ratios_fit_the_strategy(self) -> "SelectiveSpec":
        if (self.ratios is None) != (self.strategy in ("named", "all")):
            raise ValueError("give no `ratios` for named and all, and some for every other strategy")
        return self


class SecureAggregationSpec(Checked):
    """Pairwise masking; coordinates are clipped to this magnitude."""

    kind: Literal["secure_aggregation"]
    clip: Annotated[float, Field(gt=0)] = 8.0


class PruningSpec(Checked):
    """Only this share of the coordinates travels: the largest, or random ones."""

    kind: Literal["top_k", "random_pruning"]
    share: Share


class SignSpec(Checked):
    """One bit a coordinate."""

    kind: Literal["sign"]


class UniformQuantisationSpec(Checked):
    """Equidistant levels; `bias_bits` if biases take another number of bits."""

    kind: Literal["uniform_quantisation"]
    bits: Bits
    rounding: Literal["nearest", "stochastic"] = "stochastic"
    bias_bits: Bits | None = None


class ClippedNoiseSpec(Checked):
    """The mean update clipped to a norm, and noise of so many times that."""

    kind: Literal["clipped_noise"]
    clip: Positive
    multiplier: Positive
    distribution: Literal["normal", "laplace"] = "normal"


class PrivateGradientSpec(Checked):
    """Each example's gradient clipped to a norm, normal noise of so many times that on the sum."""

    kind: Literal["dp_sgd"]
    clip: Positive
    multiplier: Positive
    lot: Annotated[int, Field(ge=1)] = 1


class SoteriaSpec(Checked):
    """This share of the features masked in a linear layer's gradient; the last one's, unless named."""

    kind: Literal["soteria"]
    share: Ratio = 0.8
    layer: str | None = None


class MixUpSpec(Checked):
    """Examples of a batch averaged with one another."""

    kind: Literal["mixup"]
    concentration: Positive = 1.0


class ATSSpec(Checked):
    """Every image through one of these sequences of transformations, numbered as published."""

    kind: Literal["ats"]
    policies: str = "3-1-7+43-18-18"


class InstaHideSpec(Checked):
    """So many examples of a batch mixed into one, and pixels mirrored at random."""

    kind: Literal["instahide"]
    images: Annotated[int, Field(ge=2)] = 4
    largest: Share = 0.65
    centre: Annotated[float, Field(ge=0, le=1)] = 0.5


class AdaDefenseSpec(Checked):
    """The step of Adam in place of the gradient."""

    kind: Literal["ada_defense"]
    scale: Positive = 1e-3
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.999
    epsilon: Positive = 1e-8


class CensorSpec(Checked):
    """The best of so many random updates orthogonal to the gradient."""

    kind: Literal["censor"]
    trials: Annotated[int, Field(ge=1)] = 20
    step: Positive = 1e-4


class OutpostSpec(Checked):
    """Small gradients dropped, noise on telling columns, less often in later iterations."""

    kind: Literal["outpost"]
    noise_scale: Positive = 0.8
    pruned: Annotated[float, Field(ge=0, lt=1)] = 0.8
    noisy: Share = 0.4
    decay: Annotated[float, Field(ge=0)] = 0.125
    iteration: Annotated[int, Field(ge=0)] = 0


class ConcealedSamplesSpec(Checked):
    """Gradients mixed with those of as many synthetic examples."""

    kind: Literal["concealed_samples"]
    steps: Annotated[int, Field(ge=0)] = 1000
    rate: Positive = 0.1
    distance: Annotated[float, Field(ge=0)] = 0.01
    logits: Annotated[float, Field(ge=0)] = 0.01


_Part = (
    GaussianNoiseSpec
    | SecureAggregationSpec
    | PruningSpec
    | SignSpec
    | UniformQuantisationSpec
    | ClippedNoiseSpec
    | PrivateGradientSpec
    | SoteriaSpec
    | MixUpSpec
    | ModelSpec
    | ATSSpec
    | InstaHideSpec
    | AdaDefenseSpec
    | CensorSpec
    | OutpostSpec
    | ConcealedSamplesSpec
)

PartSpec = Annotated[_Part, Field(discriminator="kind")]


class ChainSpec(Checked):
    """Several defenses, in the order in which a client comes past."""

    kind: Literal["chain"]
    parts: Annotated[list[PartSpec], Field(min_length=2)]


DefenseSpec = Annotated[IdentitySpec | SelectiveSpec | _Part | ChainSpec, Field(discriminator="kind")]
