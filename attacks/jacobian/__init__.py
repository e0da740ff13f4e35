"""How the readings move with the pixels: what a search can follow, and what no search can recover."""

from attacks.jacobian.certificate import Certificate, certify
from attacks.jacobian.gram import affordable, gram
from attacks.jacobian.spectrum import Spectrum, spectrum

__all__ = ["Certificate", "Spectrum", "affordable", "certify", "gram", "spectrum"]
