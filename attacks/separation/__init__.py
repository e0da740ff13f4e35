"""Taking a batch's gradient apart into its examples, in closed form, before any pixel is searched for."""

from attacks.separation.attack import SeparatedMatching
from attacks.separation.chain import Separated, separated

__all__ = ["Separated", "SeparatedMatching", "separated"]
