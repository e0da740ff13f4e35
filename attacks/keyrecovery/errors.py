"""Errors of the key recovery."""

from attacks.errors import AttackError


class TranscriptError(AttackError):
    """A transcript that no CKKS scheme of these parameters makes."""


class KeyNotRecoveredError(AttackError):
    """The transcript did not give the key away to this attack, which does not prove that it is safe."""
