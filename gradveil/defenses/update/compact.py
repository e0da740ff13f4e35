"""Updates that fewer bytes can carry, and the round in which they travel so."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradveil.defenses.base import DefenseError, Session
from gradveil.exchange import Clear, Coords, Download, Quantised, Update, Upload


@dataclass(frozen=True, eq=False)
class CompactUpdate(Update):
    """An update of which some coordinates travel, the others being zero for whoever adds it up.

    A wire that does not know the form takes it as the vector that it is.

    Attributes:
        kept: bool (layout.size,), the coordinates that travel.
        quantised: the values kept, if they lie on few levels; else they travel as float32.
    """

    kept: NDArray[np.bool_]
    quantised: Quantised | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if np.any(self.vector[~self.kept]):
            raise DefenseError("a coordinate that does not travel is not zero; zero it before")

    def parts(self) -> tuple[Clear, ...]:
        """What travels of weight times update, and of the weight."""
        weight = self.layout.weight_coord
        if self.quantised is None:
            coords = np.append(np.flatnonzero(self.kept), weight).astype(np.int64)
            return (Clear(coords, self.contribution()[coords]),)
        words = self.quantised.scaled(self.weight)
        coords = np.flatnonzero(self.kept).astype(np.int64)
        return (
            Clear(coords, words.values, words),
            Clear(np.array([weight], dtype=np.int64), np.array([self.weight], dtype=np.float32)),
        )


def kept_of(update: Update) -> NDArray[np.bool_]:
    """Which coordinates of an update travel."""
    if isinstance(update, CompactUpdate):
        return update.kept
    return np.ones(update.layout.size, dtype=np.bool_)


def with_values(update: Update, vector: NDArray[np.float32]) -> Update:
    """Other values (layout.size,) of the coordinates that travel; they have no grid of words any more."""
    kept = kept_of(update)
    if kept.all():
        return Update(update.layout, vector, update.weight)
    return CompactUpdate(update.layout, np.where(kept, vector, np.float32(0)), update.weight, kept)


class CompactSession(Session):
    """A readable round whose uploads hold what was kept, and whose download what anybody has kept."""

    def _protect(self, client: str, update: Update) -> Upload:
        compact = update
        if not isinstance(compact, CompactUpdate):
            compact = CompactUpdate(update.layout, update.vector, update.weight, kept_of(update))
        return Upload(client, self.layout, compact.parts())

    def _aggregate(self, uploads: Sequence[Upload]) -> Download:
        total, present = np.zeros(self.layout.wire_size), np.zeros(self.layout.wire_size, dtype=np.bool_)
        for upload in uploads:
            for coords, values in _readable(upload):
                total[coords] += values
                present[coords] = True
        coords = np.flatnonzero(present).astype(np.int64)
        clients = frozenset(upload.client for upload in uploads)
        return Download(clients, self.layout, (Clear(coords, total[coords].astype(np.float32)),))

    def _recover(self, download: Download) -> Update:
        total = np.zeros(self.layout.wire_size)
        for part in download.parts:
            if not isinstance(part, Clear):
                raise DefenseError("the sum is not readable; the server runs another defense")
            total[part.coords] = part.values
        return Update.mean_of_sum(self.layout, total)


def _readable(upload: Upload) -> list[tuple[Coords, NDArray[np.float32]]]:
    found = [(part.coords, part.values) for part in upload.parts if isinstance(part, Clear)]
    if len(found) < len(upload.parts):
        raise DefenseError(f"client {upload.client!r} sealed a part; give all clients the same defense")
    if not any(upload.layout.weight_coord in coords for coords, _ in found):
        raise DefenseError(f"client {upload.client!r} sent no weight; drop its upload")
    return found
