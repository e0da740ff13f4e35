"""The public model as the adversary holds it."""

from attacks.model.arithmetic import Precision
from attacks.model.network import Model
from attacks.model.passes import Pass

__all__ = ["Model", "Pass", "Precision"]
