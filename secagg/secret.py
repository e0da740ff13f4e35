"""Objects that hold secrets: they do not print, pickle, copy, or compare by value."""

from typing import NoReturn, SupportsIndex

from secagg.errors import SecretExposedError


class Secret:
    """Base of everything that holds key material; equality is identity.

    Raises:
        SecretExposedError: on any attempt to pickle or copy.
    """

    def __repr__(self) -> str:
        return f"{type(self).__name__}(redacted)"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise SecretExposedError(f"{type(self).__name__} holds secrets; keep it in the process that made it")
