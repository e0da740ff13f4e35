"""Numbers in one option."""

from typing import TypeVar

from gradveil.cli.errors import UsageError

Number = TypeVar("Number", int, float)


def numbers(option: str, text: str, kind: type[Number], count: int | None = None) -> tuple[Number, ...]:
    """Numbers between commas.

    Raises:
        UsageError: something else, or another count of them.
    """
    try:
        found = tuple(kind(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or len(found) != (count or len(found)):
        wanted = "" if count is None else f"{count} "
        raise UsageError(f"{option} {text!r} is not {wanted}numbers; put commas between them")
    return found
