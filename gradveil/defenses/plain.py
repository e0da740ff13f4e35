"""Defenses whose uploads stay readable: none at all, and noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gradveil.defenses.base import Defense, DefenseError, Session
from gradveil.defenses.clear import clear_part, clear_sum, mean_of_clear
from gradveil.exchange import Download, GaussianNoise, Layout, Update, Upload


@dataclass(frozen=True)
class Identity(Defense):
    """No defense: every update travels in the clear."""

    name: ClassVar[str] = "identity"

    @property
    def claim(self) -> str:
        """Nothing is promised."""
        return "nothing: the server reads every update"

    def open(self, clients: Sequence[str], layout: Layout, rng: np.random.Generator) -> Session:
        """A round in the clear."""
        return _PlainSession(clients, layout, self.min_clients, 0.0, rng)


@dataclass(frozen=True)
class Gaussian(Defense):
    """Every client adds N(0, std^2) to each coordinate of its mean update.

    There is no clipping, hence no bound on one example's influence and no epsilon is claimed. The noise comes
    from the audit's seeded generator so that runs repeat; it is for evaluation, not for deployment.
    """

    std: float
    name: ClassVar[str] = "gaussian_noise"

    def __post_init__(self) -> None:
        if not (np.isfinite(self.std) and self.std > 0):
            raise DefenseError(f"noise std {self.std} must be positive; use identity for no noise")

    @property
    def claim(self) -> str:
        """The noise, and that it carries no epsilon."""
        return f"Gaussian noise of std {self.std:g} on each client's mean update; no clipping, no epsilon"

    @property
    def noise(self) -> GaussianNoise:
        """Public: the adversary is granted the standard deviation."""
        return GaussianNoise(self.std)

    def open(self, clients: Sequence[str], layout: Layout, rng: np.random.Generator) -> Session:
        """A round with noisy uploads."""
        return _PlainSession(clients, layout, self.min_clients, self.std, rng)


class _PlainSession(Session):
    def __init__(
        self,
        clients: Sequence[str],
        layout: Layout,
        min_clients: int,
        std: float,
        rng: np.random.Generator,
    ) -> None:
        super().__init__(clients, layout, min_clients)
        self._std, self._rng = std, rng
        self._everything = np.arange(layout.wire_size, dtype=np.int64)

    def _protect(self, client: str, update: Update) -> Upload:
        sent = self._noisy(update) if self._std else update
        return Upload(client, self.layout, (clear_part(sent.contribution(), self._everything),))

    def _noisy(self, update: Update) -> Update:
        noise = self._rng.standard_normal(self.layout.size, dtype=np.float32) * np.float32(self._std)
        return Update(self.layout, update.vector + noise, update.weight)

    def _aggregate(self, uploads: Sequence[Upload]) -> Download:
        clients = frozenset(upload.client for upload in uploads)
        return Download(clients, self.layout, (clear_sum(uploads, self._everything),))

    def _recover(self, download: Download) -> Update:
        return mean_of_clear(download)
