"""Images through max-pooled ReLU convolutions: which position won each window, and what entered."""

from attacks.routing.continuation import Continuation
from attacks.routing.descent import image_through
from attacks.routing.distance import TrunkDistance
from attacks.routing.known import Known, known_of
from attacks.routing.trunk import Block, Trunk, trunk_of

__all__ = [
    "Block",
    "Continuation",
    "Known",
    "Trunk",
    "TrunkDistance",
    "image_through",
    "known_of",
    "trunk_of",
]
