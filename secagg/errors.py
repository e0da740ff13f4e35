"""What can go wrong in a secure aggregation round; every message says what to do next."""

from gradveil.exchange import GradveilError, TooFewClientsError


class SecAggError(GradveilError):
    """The root of every error of this package."""


class ProtocolError(SecAggError):
    """A message is out of order, repeated, from another round, or asks for what must not be given."""


class OutOfOrderError(ProtocolError):
    """A message that this phase does not expect; the state stays as it was."""


class AbortedError(ProtocolError):
    """The round ended without a result."""


class TamperedError(ProtocolError):
    """A key, ciphertext, share or sum is not what its owner made."""


class TooFewSharesError(SecAggError, TooFewClientsError):
    """Fewer Shamir shares than the threshold: the secret cannot be rebuilt."""


class OverflowRefusedError(SecAggError):
    """The sum could wrap around the modulus, or its precision would be too low to be of use."""


class SecretExposedError(SecAggError):
    """A secret was about to be pickled or copied."""
