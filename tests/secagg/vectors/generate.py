"""Writes the known-answer files beside this script: `python -m tests.secagg.vectors.generate`.

Inputs are fixed here; `test_vectors.py` recomputes every output without this package. A changed file is a
changed protocol: raise VERSION.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

import numpy as np

from secagg import (
    SERVER,
    Adversary,
    Begin,
    Client,
    ClientSession,
    Contribute,
    Deadline,
    Done,
    FixedPoint,
    RoundConfig,
    SecAggError,
    Server,
    ServerSession,
    shamir,
)
from secagg.agreement import KeyPair, Purpose, derive
from secagg.framing import Header
from secagg.masking import MaskKey
from secagg.messages import Directory, Keys
from tests.secagg.rounds import enrolled, identity

FOLDER = Path(__file__).parent
SESSION, BINDING = bytes(range(16)), bytes(range(100, 132))
HEADER = Header(SESSION, 7, BINDING)
PLACE = {"session": SESSION.hex(), "round": 7, "binding": BINDING.hex()}
# RFC 7748, section 6.1.
ALICE = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"
BOB_PUBLIC = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
POLYNOMIAL = [2**256 - 1, 5, 2**255 + 11]


def pair_key(purpose: Purpose) -> dict[str, object]:
    """A key of two clients from the key pairs of RFC 7748."""
    key = KeyPair.from_secret(bytes.fromhex(ALICE)).agree(
        bytes.fromhex(BOB_PUBLIC), purpose, HEADER, ("é", "b")
    )
    inputs = {**PLACE, "private": ALICE, "peer": BOB_PUBLIC, "purpose": str(purpose), "parties": ["b", "é"]}
    return {"kind": "key", "expect": "valid", **inputs, "output": key.hex()}


def own_key(purpose: Purpose) -> dict[str, object]:
    """A key of one client from its seed."""
    key = derive(bytes(range(32)), purpose, HEADER, ["ann"])
    inputs = {**PLACE, "secret": bytes(range(32)).hex(), "purpose": str(purpose), "parties": ["ann"]}
    return {"kind": "key", "expect": "valid", **inputs, "output": key.hex()}


def mask(bits: int, sign: int) -> dict[str, object]:
    """Five coordinates that start at 1, 2, ... and wrap; not a whole number of AES blocks."""
    ring = np.arange(1, 6, dtype=f"<u{bits // 8}")
    MaskKey(bytes(range(32))).apply(ring, sign)
    inputs = {"key": bytes(range(32)).hex(), "bits": bits, "sign": sign, "start": [1, 2, 3, 4, 5]}
    return {"kind": "mask", "expect": "valid", **inputs, "output": ring.tolist()}


def split(points: list[int]) -> dict[str, object]:
    """Shares of a fixed secret with fixed coefficients at these points."""
    secret = POLYNOMIAL[0].to_bytes(shamir.SECRET_BYTES)
    with mock.patch("secagg.shamir.secrets.randbelow", side_effect=POLYNOMIAL[1:]):
        shares = shamir.split(secret, len(POLYNOMIAL), points)
    listed = [[x, value.hex()] for x, value in zip(points, shares, strict=True)]
    coefficients = [hex(coefficient) for coefficient in POLYNOMIAL]
    return {"kind": "split", "expect": "valid", "coefficients": coefficients, "shares": listed}


def sharing(points: list[int], threshold: int = 3) -> dict[str, object]:
    """Shares of a fixed polynomial at these points, and what combining them gives."""
    shares = [(x, shamir.evaluate(POLYNOMIAL, x)) for x in points]
    try:
        expect, output = "valid", shamir.combine(shares, threshold).hex()
    except SecAggError as error:
        expect, output = type(error).__name__, ""
    listed = [[x, value.hex()] for x, value in shares]
    coefficients = [hex(coefficient) for coefficient in POLYNOMIAL]
    inputs = {"coefficients": coefficients, "threshold": threshold, "shares": listed}
    return {"kind": "shamir", "expect": expect, **inputs, "output": output}


def correcting(wrong: list[int], count: int = 7) -> dict[str, object]:
    """Shares of a fixed polynomial with wrong ones at these points, and what correcting them gives."""
    values = {x: shamir.evaluate(POLYNOMIAL, x) for x in range(1, count + 1)}
    values |= {x: shamir.evaluate([x + 1], x) for x in wrong}
    shares = list(values.items())
    try:
        secret, found = shamir.correct(shares, 3)
        expect, output = "valid", {"secret": secret.hex(), "wrong": list(found)}
    except SecAggError as error:
        expect, output = type(error).__name__, {}
    listed = [[x, value.hex()] for x, value in shares]
    coefficients = [hex(coefficient) for coefficient in POLYNOMIAL]
    inputs = {"coefficients": coefficients, "threshold": 3, "shares": listed}
    return {"kind": "correct", "expect": expect, **inputs, "output": output}


def encoded(bits: int) -> dict[str, object]:
    """Values at, between, and beyond the levels."""
    values, encoding = [0.0, 0.5, -0.5, 1.0, -7.0, 0.1], FixedPoint(1.0, 4, 1000, bits)
    ring = encoding.encode(np.array(values, dtype=np.float32), 250)
    inputs = {
        "clip": 1.0,
        "max_clients": 4,
        "max_weight": 1000,
        "bits": bits,
        "values": values,
        "weight": 250,
    }
    return {"kind": "encode", "expect": "valid", **inputs, "output": ring.tolist()}


def directory(signature: bytes) -> dict[str, object]:
    """The hash that salts every key."""
    parts = {"ann": (1, 2), "bob": (3, 4)}
    keys = [Keys(bytes([first] * 32), bytes([second] * 32), signature) for first, second in parts.values()]
    listed = [[name, *(part.hex() for part in each)] for name, each in zip(parts, keys, strict=True)]
    output = Directory(HEADER, tuple(parts), tuple(keys)).hash.hex()
    return {"kind": "directory", "expect": "valid", **PLACE, "entries": listed, "output": output}


class Drawn:
    """A stream of bytes in place of the operating system's randomness: SHA-256 of a label and a counter."""

    def __init__(self, label: str) -> None:
        self._label, self._count = label.encode(), 0

    def bytes(self, size: int) -> bytes:
        """The next up to 32 bytes."""
        self._count += 1
        return hashlib.sha256(self._label + self._count.to_bytes(4)).digest()[:size]

    def below(self, limit: int) -> int:
        """The next number below a limit of 257 bits."""
        return int.from_bytes(self.bytes(32)) % limit

    def pair(self) -> KeyPair:
        """The next key pair."""
        return KeyPair.from_secret(self.bytes(32))


@contextmanager
def fixed(drawn: Drawn) -> Iterator[None]:
    """All randomness of a client comes from this stream."""
    with ExitStack() as stack:
        for place, replacement in [
            ("secagg.client.KeyPair.generate", drawn.pair),
            ("secagg.client.secrets.token_bytes", drawn.bytes),
            ("secagg.shamir.secrets.randbelow", drawn.below),
            ("secagg.sealing.os.urandom", drawn.bytes),
        ]:
            stack.enter_context(mock.patch(place, replacement))
        yield


def transcript(adversary: Adversary) -> dict[str, object]:
    """All messages of a round of four; dan vanishes before sending its vector."""
    names, values = ("ann", "bob", "cid", "dan"), [0.5, -1.0, 0.25]
    config = RoundConfig(
        session=SESSION,
        round=7,
        context=BINDING,
        threshold=3,
        encoding=FixedPoint.for_(4, 10, 1.0, 8),
        length=3,
        adversary=adversary,
    )
    malicious = adversary is Adversary.MALICIOUS
    roster = enrolled(names) if malicious else None
    clients = {
        name: ClientSession(
            Client(name, config, identity=identity(name) if malicious else None, roster=roster)
        )
        for name in names
    }
    streams = {name: Drawn(f"gradveil secagg transcript {name} ") for name in names}
    server = ServerSession(Server(config, expects=len(names), roster=roster))
    lines: list[list[str]] = []

    def ask(name: str, event: object) -> list[bytes]:
        with fixed(streams[name]):
            return [message.payload for message in clients[name].handle(event)]

    def tell(sender: str, payload: bytes) -> list[tuple[str, bytes]]:
        lines.append([sender, SERVER, payload.hex()])
        return [(message.receiver, message.payload) for message in server.handle(payload)]

    said = [(name, payload) for name in names for payload in ask(name, Begin())]
    told = [message for sender, payload in said for message in tell(sender, payload)]
    while not isinstance(server.state, Done):
        lines += [[SERVER, receiver, payload.hex()] for receiver, payload in told]
        said = [(name, answer) for name, payload in told for answer in ask(name, payload)]
        if type(server.state).__name__ == "Summing":
            vector = np.array(values, dtype=np.float32)
            weighted = zip(names[:3], (1, 2, 10), strict=True)
            said = [
                (name, payload)
                for name, weight in weighted
                for payload in ask(name, Contribute(vector, weight))
            ]
        phase = type(server.state)
        told = [message for sender, payload in said for message in tell(sender, payload)]
        if type(server.state) is phase:
            told = [(message.receiver, message.payload) for message in server.handle(Deadline())]
    inputs = {"session": SESSION.hex(), "round": 7, "context": BINDING.hex(), "threshold": 3}
    inputs |= {
        "values": values,
        "weights": [1, 2, 10],
        "levels": 127,
        "modulus_bits": config.encoding.modulus_bits,
    }
    inputs |= {"adversary": str(adversary), "binding": config.header.binding.hex()}
    output = server.state.aggregate.ring_total.tolist()
    return {"kind": "transcript", "expect": "valid", **inputs, "messages": lines, "output": output}


CASES = {
    "key-pair-mask": pair_key(Purpose.PAIR_MASK),
    "key-share-encryption": pair_key(Purpose.SHARE_ENCRYPTION),
    "key-self-mask": own_key(Purpose.SELF_MASK),
    "key-seed-commitment": own_key(Purpose.SEED_COMMITMENT),
    "mask-8-add": mask(8, 1),
    "mask-16-subtract": mask(16, -1),
    "mask-32-add": mask(32, 1),
    "mask-32-subtract": mask(32, -1),
    "mask-64-add": mask(64, 1),
    "split-three": split([1, 2, 3]),
    "split-far": split([9, 4, 4096, 1]),
    "shamir-three": sharing([1, 2, 3]),
    "shamir-spare": sharing([5, 2, 9, 4]),
    "shamir-two": sharing([1, 2]),
    "shamir-repeated": sharing([1, 2, 2]),
    "shamir-zero": sharing([0, 1, 2]),
    "correct-none": correcting([]),
    "correct-two": correcting([2, 7]),
    "correct-three": correcting([1, 2, 7]),
    "encode-32": encoded(32),
    "encode-64": encoded(64),
    "directory-hash": directory(b""),
    "directory-hash-signed": directory(bytes(range(64))),
    "transcript-semi-honest": transcript(Adversary.SEMI_HONEST),
    "transcript-malicious": transcript(Adversary.MALICIOUS),
}


def text(case: dict[str, object]) -> str:
    """The file's content."""
    return json.dumps(case, indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    for name, case in CASES.items():
        (FOLDER / f"{name}.json").write_text(text(case))
