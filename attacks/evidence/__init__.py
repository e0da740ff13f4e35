"""What an adversary believes it has read of one group of clients."""

from attacks.evidence.completion import completed
from attacks.evidence.evidence import Evidence, readable, targets_of, zero_filled
from attacks.evidence.pruned import Unpruned

__all__ = ["Evidence", "Unpruned", "completed", "readable", "targets_of", "zero_filled"]
