"""The secret key of a CKKS scheme, from ciphertexts and the float64 decryptions that were published."""

from attacks.keyrecovery.errors import KeyNotRecoveredError, TranscriptError
from attacks.keyrecovery.recovery import recover_key
from attacks.keyrecovery.transcript import CkksTranscript

__all__ = ["CkksTranscript", "KeyNotRecoveredError", "TranscriptError", "recover_key"]
