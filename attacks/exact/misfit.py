"""How badly examples explain what was read."""

from dataclasses import replace

from torch import Tensor

from attacks.evidence import Evidence, targets_of
from attacks.model import Model


def misfit(images: Tensor, labels: Tensor, evidence: Evidence, model: Model) -> Tensor:
    """Squared error over squared readings (R,), in float64, of images (R, B, ...) with labels (R, B)."""
    exact = model.double()
    targets = targets_of([replace(evidence, values=evidence.values.double())], exact.layout)
    total = evidence.mean_square * float(evidence.mask.sum())
    return (exact.run(images.double(), labels).gradient.square_error(targets) / total).detach()
