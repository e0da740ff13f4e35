"""Defenses from their checked specifications."""

from collections.abc import Callable, Mapping

from gradveil.audit.specs import ChainSpec, DefenseSpec, SecureAggregationSpec
from gradveil.defenses import (
    ATS,
    AdaDefense,
    Censor,
    ClippedNoise,
    ConcealedSamples,
    Gaussian,
    Identity,
    InstaHide,
    Mechanism,
    MixUp,
    Outpost,
    PrivateGradient,
    RandomPruning,
    SecureAggregation,
    Sign,
    Soteria,
    TopK,
    Uniform,
    chain,
)
from gradveil.defenses.model import KeyLock, Precode, SecretPolarization

_KINDS: Mapping[str, Callable[..., Mechanism]] = {
    "identity": Identity,
    "gaussian_noise": Gaussian,
    "top_k": TopK,
    "random_pruning": RandomPruning,
    "sign": Sign,
    "uniform_quantisation": Uniform,
    "clipped_noise": ClippedNoise,
    "dp_sgd": PrivateGradient,
    "soteria": Soteria,
    "mixup": MixUp,
    "key_lock": KeyLock,
    "secret_polarization": SecretPolarization,
    "precode": Precode,
    "ats": ATS,
    "instahide": InstaHide,
    "ada_defense": AdaDefense,
    "censor": Censor,
    "outpost": Outpost,
    "concealed_samples": ConcealedSamples,
}
"""Whose knobs are called as the fields of their specification."""


def build_defense(spec: DefenseSpec, max_weight: int) -> Mechanism:
    """The defense of a specification that selects no coordinates.

    Args:
        spec: any but a selective one, which needs a calibration.
        max_weight: largest number of examples of one client.

    Raises:
        DefenseError: parts of a chain that do not fit together, or knobs that no defense can have.
    """
    if isinstance(spec, ChainSpec):
        return chain(*(build_defense(part, max_weight) for part in spec.parts))
    knobs = spec.model_dump(exclude={"kind"})
    if isinstance(spec, SecureAggregationSpec):
        return SecureAggregation(max_weight=max_weight, **knobs)
    return _KINDS[spec.kind](**knobs)
