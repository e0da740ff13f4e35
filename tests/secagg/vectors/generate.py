"""Writes the known-answer files beside this script: `python -m tests.secagg.vectors.generate`.

Inputs are fixed here; `test_vectors.py` recomputes every output without this package. A changed file is a
changed protocol: raise VERSION.
"""

import json
from pathlib import Path

import numpy as np

from secagg import FixedPoint, SecAggError, shamir
from secagg.agreement import KeyPair, Purpose, derive
from secagg.framing import Header
from secagg.masking import MaskKey
from secagg.messages import Advertise, Roster

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


def roster() -> dict[str, object]:
    """The hash that salts every key."""
    clients = {"ann": (1, 2), "bob": (3, 4)}
    keys = {name: [bytes([first] * 32), bytes([second] * 32)] for name, (first, second) in clients.items()}
    entries = tuple(Advertise(HEADER, name, *pair) for name, pair in keys.items())
    listed = [[name, *(key.hex() for key in pair)] for name, pair in keys.items()]
    output = Roster(HEADER, entries).hash.hex()
    return {"kind": "roster", "expect": "valid", **PLACE, "entries": listed, "output": output}


CASES = {
    "key-pair-mask": pair_key(Purpose.PAIR_MASK),
    "key-share-encryption": pair_key(Purpose.SHARE_ENCRYPTION),
    "key-self-mask": own_key(Purpose.SELF_MASK),
    "key-seed-commitment": own_key(Purpose.SEED_COMMITMENT),
    "mask-32-add": mask(32, 1),
    "mask-32-subtract": mask(32, -1),
    "mask-64-add": mask(64, 1),
    "shamir-three": sharing([1, 2, 3]),
    "shamir-spare": sharing([5, 2, 9, 4]),
    "shamir-two": sharing([1, 2]),
    "shamir-repeated": sharing([1, 2, 2]),
    "shamir-zero": sharing([0, 1, 2]),
    "encode-32": encoded(32),
    "encode-64": encoded(64),
    "roster-hash": roster(),
}


def text(case: dict[str, object]) -> str:
    """The file's content."""
    return json.dumps(case, indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    for name, case in CASES.items():
        (FOLDER / f"{name}.json").write_text(text(case))
