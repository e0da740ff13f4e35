"""Defenses that change the network that a client trains."""

from gradveil.defenses.model.key_lock import KeyLock
from gradveil.defenses.model.polarization import SecretPolarization
from gradveil.defenses.model.precode import Precode

__all__ = ["KeyLock", "Precode", "SecretPolarization"]
