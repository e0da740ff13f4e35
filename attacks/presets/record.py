"""What is known of a named adversary."""

from collections.abc import Callable
from dataclasses import dataclass

from attacks.base import Attack


@dataclass(frozen=True)
class Preset:
    """A named adversary.

    Attributes:
        build: makes it; without arguments, as near to the published settings as its docstring says.
        summary: its composition in one line.
        citation: where it comes from.
        reported: what was reported for it, and by whom.
        needs: what it cannot do without, and what it uses if it is there.
    """

    build: Callable[..., Attack]
    summary: str
    citation: str
    reported: str
    needs: str = "any readable coordinate"
