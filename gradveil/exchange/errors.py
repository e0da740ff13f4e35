"""The root of every error this project raises on purpose."""


class GradveilError(Exception):
    """An error whose message says what is wrong and what to do next, in one line."""


class InvalidUpdateError(GradveilError):
    """An update holds values of the wrong type, shape, or a NaN or infinity."""


class LayoutMismatchError(GradveilError):
    """Two parties speak of different flat vectors."""


class WireError(GradveilError):
    """Bytes from outside are truncated, oversized, or not in the one canonical form."""


class TooFewClientsError(GradveilError):
    """An aggregate over so few clients would expose one of them."""
