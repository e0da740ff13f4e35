"""One step of an attack: a search, what it believes, and which rows go on."""

from dataclasses import dataclass

from attacks.checks import require_positive
from attacks.errors import AttackError
from attacks.likelihoods import Likelihood
from attacks.model import Precision
from attacks.priors import Prior
from attacks.searches import Search


@dataclass(frozen=True)
class Stage:
    """One search from the best rows of the stage before.

    Attributes:
        search: how.
        keep: how many rows of each victim go on, None for all.
        likelihood: what this stage believes about errors, if not what the attack does; e.g. sharper.
        prior: what it believes about images, if not what the attack does; e.g. without terms whose values do
            not rank rows.
        sharpness: of smooth stand-ins for the network's ReLU and max-pooling, in units of one over their
            inputs; None: the real ones. Values under one sharpness say nothing about those under another.
        precision: in which the network's passes compute, if not in the model's; see `Model`.
        screening: whether it only chooses among rows, and is skipped where none would be lost.

    Raises:
        AttackError: no row would be kept, a screening keeps all, or the sharpness is not positive.
    """

    search: Search
    keep: int | None = None
    likelihood: Likelihood | None = None
    prior: Prior | None = None
    precision: Precision | None = None
    sharpness: float | None = None
    screening: bool = False

    def __post_init__(self) -> None:
        if self.keep is not None and self.keep < 1:
            raise AttackError(f"a stage that keeps {self.keep} rows leaves nothing; keep at least 1")
        if self.screening and self.keep is None:
            raise AttackError("a screening that keeps all rows chooses none; say how many go on")
        if self.sharpness is not None:
            require_positive("sharpness", self.sharpness)

    def kept(self, rows: int) -> int:
        """How many of a victim's rows go on."""
        return rows if self.keep is None else min(self.keep, rows)

    def runs(self, rows: int) -> bool:
        """Whether there is something to do for so many rows of a victim."""
        return not self.screening or self.kept(rows) < rows
