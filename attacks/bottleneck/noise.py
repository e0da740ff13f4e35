"""The secret noise of a bottleneck, read off the gradients of the two linear layers around it."""

from dataclasses import dataclass

from torch import Tensor

from attacks.errors import AttackError, NotApplicableError
from attacks.evidence import Evidence
from attacks.evidence.requirements import require_one_exact_example
from attacks.linear import layer_inputs
from attacks.model import Model
from attacks.nuisances.variational import from_log_variance


@dataclass(frozen=True)
class Bottleneck:
    """Names of a bottleneck's linear layers.

    Attributes:
        encoder: puts out means and log-variances.
        decoder: sees the sampled code.
    """

    encoder: str
    decoder: str


def bottleneck_of(model: Model, encoder: str | None = None) -> Bottleneck:
    """The encoder of this name, or the last but two of the linear layers, and the layer behind it.

    Raises:
        AttackError: there is no such encoder, or it is the last linear layer.
        NotApplicableError: what it puts out is not twice what the layer behind it takes in.
    """
    layers = model.linear_layers
    if encoder is None and len(layers) < 3:
        raise NotApplicableError("fewer than three linear layers; no bottleneck stands before the last one")
    encoder = layers[-3] if encoder is None else encoder
    if encoder not in layers[:-1]:
        raise AttackError(f"no linear layer {encoder!r} with another one behind it; name the encoder")
    decoder = layers[layers.index(encoder) + 1]
    outputs, inputs = len(model.parameters[f"{encoder}.weight"]), model.linear_parts(decoder)[2]
    if outputs != 2 * inputs:
        raise NotApplicableError(f"{encoder} does not put out means and log-variances of what {decoder} sees")
    return Bottleneck(encoder, decoder)


def noise_read(evidence: Evidence, model: Model, bottleneck: Bottleneck) -> Tensor:
    """The standard normal noise (1, 1, k) of one example: (z - mean) / deviation.

    The encoder's gradient gives the features, h = dW / db, hence mean and deviation; the decoder's gives the
    sampled code z in the same way.

    Raises:
        NotApplicableError: several examples, noise, or too much of the two layers is hidden.

    Source: ours; each layer as Phong et al. 2018 (TIFS), example 3.
    """
    require_one_exact_example(evidence, "readings with noise do not give the code; solve for it instead")
    parts = (bottleneck.encoder, bottleneck.decoder)
    (features, some), (code, others) = (layer_inputs(evidence, model, part) for part in parts)
    if not bool(some.all() and others.all()):
        raise NotApplicableError("features or codes are hidden in part; solve for the noise instead")
    weight, bias = (model.parameters[f"{bottleneck.encoder}.{part}"].double() for part in ("weight", "bias"))
    means, log_variances = (weight @ features.double() + bias).chunk(2)
    noise = (code.double() - means) / from_log_variance(log_variances)
    return noise[None, None].to(model.dtype)
