"""What was read of one parameter's gradient."""

from torch import Tensor

from attacks.evidence.evidence import Evidence
from attacks.model import Model


def tensor_read(evidence: Evidence, model: Model, name: str) -> tuple[Tensor, Tensor]:
    """Values and bool mask in the parameter's shape, on the CPU, values as float64."""
    part, shape = model.layout.slices[name], model.parameters[name].shape
    return evidence.values[part].reshape(shape).cpu().double(), evidence.mask[part].reshape(shape).cpu()
