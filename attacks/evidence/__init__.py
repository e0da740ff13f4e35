"""What an adversary believes it has read of one group of clients."""

from attacks.evidence.columns import UnmaskedColumns
from attacks.evidence.completion import completed
from attacks.evidence.concealed import AmongOthers
from attacks.evidence.evidence import Evidence, readable, targets_of, zero_filled
from attacks.evidence.pruned import Unpruned
from attacks.evidence.residual import Residual, residual
from attacks.evidence.tensors import tensor_read
from attacks.evidence.units import units_read
from attacks.evidence.unperturbed import Unperturbed

__all__ = [
    "AmongOthers",
    "Evidence",
    "Residual",
    "UnmaskedColumns",
    "Unperturbed",
    "Unpruned",
    "completed",
    "readable",
    "residual",
    "targets_of",
    "tensor_read",
    "units_read",
    "zero_filled",
]
