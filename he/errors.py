"""What can go wrong in this package; each message says what is wrong and what to do next."""

from gradveil.exchange.errors import GradveilError, WireError


class HeError(GradveilError):
    """The root of every error of this package."""


class ParametersError(HeError):
    """Parameters that cannot give exact sums, or that the library cannot build."""


class InsecureParametersError(ParametersError):
    """Parameters below 128-bit security."""


class CapacityError(HeError):
    """More values, larger values or more contributors than the parameters carry."""


class ContributorError(HeError):
    """A contributor counted twice, or a sum offered where one contribution is expected."""


class FrameError(HeError, WireError):
    """A frame that is damaged, oversized, or made for other parameters or another binding."""


class DecryptionError(HeError):
    """A ciphertext that does not hold a sum of grid values: another key, or damage on the way."""


class ReplayError(HeError):
    """Something that was opened or added before, or that would be opened a second time in another form."""


class WorkersError(HeError):
    """A process of the pool died, or the pool was closed."""
