"""One table of all defenses, and one way to run a round of any of them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import he
from gradveil.defenses import (
    Defense,
    Gaussian,
    Hybrid,
    Identity,
    SecureAggregation,
    SelectiveEncryption,
    Sent,
    Session,
)
from gradveil.exchange import (
    Download,
    Knowledge,
    Layout,
    Observation,
    Selection,
    Update,
    Upload,
    observe,
    readings_of,
    weighted_mean,
)

LAYOUT = Layout(("conv.weight", "conv.bias", "fc.weight", "fc.bias"), ((4, 3, 3), (4,), (10, 7), (10,)))
OTHER_LAYOUT = Layout(("fc.weight",), ((120,),))
WEIGHTS = {"ann": 1, "bob": 2, "cid": 5, "dan": 7, "eva": 3}
CLIENTS = tuple(WEIGHTS)


def selection(ratio: float) -> Selection:
    mask = np.random.default_rng(5).random(LAYOUT.size) < ratio
    return Selection(LAYOUT, mask, "random" if ratio < 1 else "all")


@dataclass(frozen=True)
class Case:
    """A defense, the largest error of its mean, and whether each client's weight is readable."""

    build: Callable[[], Defense]
    tolerance: float
    weight_readable: bool = False


NOISE_STD = 0.01
PACKED = he.PackedParams.for_(clients=5, value_range=1.0, precision_bits=20)
PACKED_PUBLIC = he.PackedParams.for_(
    clients=5, value_range=1.0, precision_bits=16, encryption=he.Encryption.PUBLIC_KEY
)
CASES = {
    "identity": Case(Identity, 1e-6, weight_readable=True),
    "gaussian": Case(lambda: Gaussian(NOISE_STD), 6 * NOISE_STD, weight_readable=True),
    "ckks 30 %": Case(lambda: SelectiveEncryption(selection(0.3)), 1e-6),
    "packed 30 %": Case(lambda: SelectiveEncryption(selection(0.3), PACKED), 1e-3),
    "packed, public key": Case(lambda: SelectiveEncryption(selection(0.3), PACKED_PUBLIC), 1e-2),
    "tenseal vector": Case(lambda: SelectiveEncryption(selection(0.3), he.TensealVectorParams()), 1e-3),
    "hybrid": Case(lambda: Hybrid(selection(0.3)), 1e-6),
    "hybrid, packed": Case(lambda: Hybrid(selection(0.3), PACKED), 1e-3),
    "ckks all": Case(lambda: SelectiveEncryption(selection(1.0)), 1e-6),
    "secure aggregation": Case(SecureAggregation, 1e-6),
}


def updates(seed: int = 0, scale: float = 0.5) -> dict[str, Update]:
    """One update for each client, of different weights."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(0, scale, (len(WEIGHTS), LAYOUT.size)).astype(np.float32)
    return {name: Update(LAYOUT, row, WEIGHTS[name]) for name, row in zip(WEIGHTS, vectors, strict=True)}


def open_round(defense: Defense, seed: int = 0, clients: tuple[str, ...] = CLIENTS) -> Session:
    return defense.open(clients, LAYOUT, np.random.default_rng(seed))


@dataclass(frozen=True)
class Round:
    """What crossed the wire, and what a client made of it."""

    uploads: tuple[Upload, ...]
    download: Download
    transcript: tuple[Sent, ...]
    mean: Update
    observation: Observation

    @property
    def byte_counts(self) -> list[int]:
        sizes = [message.nbytes for message in (*self.uploads, self.download)]
        return sizes + [len(message.payload) for message in self.transcript]


def play(
    defense: Defense,
    sent: dict[str, Update],
    *,
    seed: int = 0,
    clients: tuple[str, ...] = CLIENTS,
    backwards: bool = False,
) -> Round:
    """A whole round; clients that send nothing drop out after the round is open."""
    session = open_round(defense, seed, clients)
    uploads = tuple(session.protect(client, update) for client, update in sent.items())
    download = session.aggregate(uploads[::-1] if backwards else uploads)
    mean = session.recover(download)
    knowledge = Knowledge("any", "any", 10, (1, 8, 8), batch_size=1, noise=defense.noise)
    passed = [message.payload for message in session.transcript]
    seen = observe(LAYOUT, uploads, readings_of(download), knowledge, passed)
    return Round(uploads, download, session.transcript, mean, seen)


def errors(found: Update, sent: dict[str, Update]) -> np.ndarray:
    """Distances to the true weighted mean, one for each coordinate."""
    return np.abs(found.vector.astype(np.float64) - weighted_mean(list(sent.values())).vector)
