"""An order of all coordinates, from which a selection of any size is cut."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import he
from gradveil.exchange import (
    Coords,
    GradveilError,
    InvalidUpdateError,
    Layout,
    LayoutMismatchError,
    Selection,
    WireError,
    wire,
)
from gradveil.exchange.coords import to_mask
from gradveil.exchange.files import write_atomically
from gradveil.exchange.messages import require_name
from gradveil.exchange.selection import SEED_BYTES, drawn_order

_KIND, _VERSION = "ranking", 1
_NO_SHARE = -1
_FIXED_BYTES = 2048


@dataclass(frozen=True, eq=False)
class Ranking:
    """Scores of all coordinates of one layout; the highest are protected first, ties go to the lower one.

    Selections cut from it are nested: a larger one contains every smaller one.

    Attributes:
        layout: of the update.
        scores: float32 (layout.size,), finite; only their order counts, unless rankings are summed.
        strategy: name of what ranked.
        source: what data it was calibrated on, in words; empty for none. A mask made from private data
            tells of them.
        share: number of coordinates that the strategy itself would protect; None if it leaves that open.
        seed: 32 bytes that `random` drew the scores from; its selections travel as this seed.

    Raises:
        InvalidUpdateError: scores of another type or shape, NaN or infinity, or an impossible share or seed.
    """

    layout: Layout
    scores: NDArray[np.float32]
    strategy: str
    source: str = ""
    share: int | None = None
    seed: bytes | None = None

    def __post_init__(self) -> None:
        if self.scores.dtype != np.float32 or self.scores.shape != (self.layout.size,):
            found = f"{self.scores.dtype}{self.scores.shape}"
            raise InvalidUpdateError(f"scores are {found}, not float32({self.layout.size},); convert them")
        if not np.isfinite(self.scores).all():
            raise InvalidUpdateError("a score is NaN or infinite; calibrate on other data")
        if self.share is not None and not 0 <= self.share <= self.layout.size:
            raise InvalidUpdateError(f"no share of {self.share} among {self.layout.size} coordinates")
        if self.seed is not None and len(self.seed) != SEED_BYTES:
            raise InvalidUpdateError(f"a seed has {SEED_BYTES} bytes, not {len(self.seed)}")
        require_name(self.strategy)
        if self.source:
            require_name(self.source)

    @classmethod
    def of_order(cls, layout: Layout, order: Coords, strategy: str, source: str = "") -> "Ranking":
        """From all coordinates, the first to protect first; InvalidUpdateError for no permutation of them."""
        if not np.array_equal(np.sort(order), np.arange(layout.size)):
            raise InvalidUpdateError(f"an order names each of {layout.size} coordinates once; check it")
        return cls(layout, _descending(order), strategy, source)

    @classmethod
    def from_seed(cls, layout: Layout, seed: bytes) -> "Ranking":
        """The order in which `Selection.from_seed` chooses from 32 bytes; raises as that does."""
        return cls(layout, _descending(drawn_order(layout.size, seed)), "random", seed=seed)

    @cached_property
    def order(self) -> Coords:
        """All coordinates, the first to protect first."""
        return np.argsort(-self.scores, kind="stable").astype(np.int64)

    def take(self, count: int) -> Selection:
        """The first `count` coordinates; GradveilError if there are not so many."""
        if not 0 <= count <= self.layout.size:
            raise GradveilError(f"cannot select {count} of {self.layout.size} coordinates; take fewer")
        if self.seed is not None:
            return Selection.from_seed(self.layout, count, self.seed, self.strategy)
        return Selection(self.layout, to_mask(self.order[:count], self.layout.size), self.strategy)

    def at(self, ratio: float | None = None) -> Selection:
        """This share of all parameters, or the strategy's own.

        Raises:
            GradveilError: a ratio outside [0, 1], or none where the strategy has no share of its own.
        """
        if ratio is None and self.share is not None:
            return self.take(self.share)
        if ratio is None or not 0 <= ratio <= 1:
            raise GradveilError(f"ratio {ratio} is not in [0, 1]; give the share of parameters to encrypt")
        return self.take(round(ratio * self.layout.size))

    def filling(self, ratio: float, params: he.Params, besides: int = 1) -> Selection:
        """At least this share, and as many more as fit into the same ciphertexts.

        Args:
            ratio: as of `at`.
            params: of the encryption.
            besides: further values in the ciphertexts, such as the weight.

        Raises:
            GradveilError: a ratio outside [0, 1].
            CapacityError: more values than a frame has room for.
        """
        least = int(self.at(ratio).mask.sum())
        return self.take(min(filled(least, params, besides), self.layout.size))

    def to_bytes(self) -> bytes:
        """Canonical bytes, bound to the layout: 4 bytes a coordinate, or the seed."""
        share = _NO_SHARE if self.share is None else self.share
        body = b"" if self.seed is not None else wire.float32_to_bytes(self.scores)
        fields = [self.layout.hash, self.strategy, self.source, share, self.seed or b"", body]
        return wire.pack(_KIND, _VERSION, fields)

    @classmethod
    def from_bytes(cls, data: bytes, layout: Layout) -> "Ranking":
        """Decode a ranking made for this layout.

        Raises:
            WireError: damaged bytes.
            LayoutMismatchError: made for another layout.
        """
        types = (bytes, str, str, int, bytes, bytes)
        fields = wire.unpack(data, _KIND, _VERSION, types, max_bytes=_max_bytes(layout))
        layout_hash, strategy, source, share, seed, body = fields
        if layout_hash != layout.hash:
            raise LayoutMismatchError("this ranking was made for another model; calibrate again")
        try:
            scores = _scores(layout, seed, body)
            return cls(layout, scores, strategy, source, None if share == _NO_SHARE else share, seed or None)
        except InvalidUpdateError as error:
            raise WireError(f"ranking: {error}") from error

    def save(self, path: Path) -> None:
        """Write the canonical bytes; the file is whole or not there."""
        write_atomically(path, self.to_bytes())

    @classmethod
    def load(cls, path: Path, layout: Layout) -> "Ranking":
        """Read what `save` wrote; raises as `from_bytes` does."""
        with path.open("rb") as file:
            return cls.from_bytes(file.read(_max_bytes(layout) + 1), layout)


def filled(count: int, params: he.Params, besides: int = 1) -> int:
    """How many coordinates the ciphertexts of `count` of them hold; arguments as of `Ranking.filling`.

    Raises:
        CapacityError: more values than a frame has room for.
    """
    return params.chunks(count + besides) * params.values_per_chunk - besides if count else 0


def _descending(order: Coords) -> NDArray[np.float32]:
    """Scores from 1 down to 0 along an order; beyond 2^24 coordinates neighbours share a score."""
    scores = np.empty(order.size, dtype=np.float32)
    scores[order] = np.linspace(1, 0, order.size, dtype=np.float64)
    return scores


def _scores(layout: Layout, seed: bytes, body: bytes) -> NDArray[np.float32]:
    if not seed:
        return wire.float32_from_bytes(body, layout.size)
    if body:
        raise WireError("ranking: a seed and scores beside it; the sender is broken")
    return _descending(drawn_order(layout.size, seed))


def _max_bytes(layout: Layout) -> int:
    return 4 * layout.size + _FIXED_BYTES
