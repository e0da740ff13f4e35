"""What all parties were given before the round, not by its server; and what each client contributes."""

import hashlib
import json
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from examples.secagg_tls.certificates import Authority
from gradveil.exchange.files import write_atomically
from gradveil.parties import Identity, Roster
from secagg import SERVER, Adversary, Contribute, FixedPoint, RoundConfig

JOB, ROSTER, IDENTITY = "job.json", "roster", "identity"
"""Names of files in a party's folder."""

_CLIP, _MAX_WEIGHT = 1.0, 100
_FIXED_BYTES = 2048
"""Room for all but lists and vector."""


@dataclass(frozen=True)
class Job:
    """One round: a fresh session (hex), how many clients, values, and shares that rebuild a secret."""

    session: str
    clients: int
    length: int
    threshold: int

    @classmethod
    def create(cls, clients: int, length: int, threshold: int) -> "Job":
        """A round that was never run before."""
        return cls(secrets.token_hex(16), clients, length, threshold)

    @classmethod
    def load(cls, folder: Path) -> "Job":
        """Read what `save` wrote."""
        return cls(**json.loads((folder / JOB).read_bytes()))

    def save(self, folder: Path) -> None:
        """Write a file in a party's folder."""
        write_atomically(folder / JOB, json.dumps(asdict(self)).encode(), mode=0o600)

    def config(self, roster: Roster) -> RoundConfig:
        """The roster's hash is in the context: parties that pinned different rosters share no round."""
        return RoundConfig(
            session=bytes.fromhex(self.session),
            round=0,
            context=hashlib.sha256(b"secagg over TLS, no model\0" + roster.hash).digest(),
            threshold=self.threshold,
            encoding=self.encoding,
            length=self.length,
            adversary=Adversary.MALICIOUS,
        )

    @property
    def encoding(self) -> FixedPoint:
        """Numbers on a ring of 32 bits."""
        return FixedPoint(clip=_CLIP, max_clients=self.clients, max_weight=_MAX_WEIGHT)

    @property
    def upload_limit(self) -> int:
        """Largest message of a client: a masked vector, or a sealed pair of shares for each peer."""
        return _FIXED_BYTES + max(4 * (self.length + 1), 128 * self.clients)

    @property
    def download_limit(self) -> int:
        """Largest message of the server: a name, two keys and a signature of each client."""
        return _FIXED_BYTES + 384 * self.clients


def enrol(folder: Path, names: Iterable[str], job: Job, authority: Authority) -> None:
    """Give every party its folder: job, roster, certificate, keys; really, each makes its own keys."""
    identities = [Identity.generate(name) for name in names]
    server = Identity.generate(SERVER)
    roster = Roster.of(identities, server)
    for identity in (*identities, server):
        own = folder / identity.name
        job.save(own)
        write_atomically(own / ROSTER, roster.to_bytes(), mode=0o600)
        identity.save(own / IDENTITY)
        authority.issue(identity.name, own)


def load_roster(folder: Path) -> Roster:
    """The roster that a party pinned."""
    return Roster.from_bytes((folder / ROSTER).read_bytes())


def contribution(name: str, length: int) -> Contribute:
    """In place of training: a vector and a weight that follow from the name."""
    generator = np.random.default_rng(list(name.encode()))
    vector = generator.uniform(-_CLIP, _CLIP, length).astype(np.float32)
    return Contribute(vector, int(generator.integers(1, _MAX_WEIGHT, endpoint=True)))


def expected_sum(job: Job, names: Iterable[str]) -> list[int]:
    """The ring sum of these clients' contributions and, last, of their weights, added in the clear."""
    total = np.zeros(job.length + 1, dtype=job.encoding.dtype)
    for name in names:
        own = contribution(name, job.length)
        total += job.encoding.encode(own.vector, own.weight)
    return [int(value) for value in total]
