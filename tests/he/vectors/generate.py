"""Writes the known-answer files beside this script: `python -m tests.he.vectors.generate`.

Parameters, residues and fields are computed anew each time. The `frames-*` files hold random keys and
ciphertexts, so they are written once and then kept: delete one to make another. `test_vectors.py` reads all
of them without the code that wrote them. A changed or unreadable file is a changed format: raise its VERSION.

The keys in these files are for tests; nothing else was ever encrypted with them.
"""

import base64
import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np

from he import (
    Accumulator,
    Binding,
    CkksParams,
    ClientKey,
    Encryption,
    Identity,
    PackedParams,
    Params,
    Roster,
    TensealVectorParams,
    encrypt,
)
from he.residues import pack
from he.schemes import blobs, memory, scheme_of

FOLDER = Path(__file__).parent
PASSPHRASE = "known answer"  # noqa: S105 - of a key that exists for tests only
NAMES = ("ann", "bob", "cid")
COUNTS = (1, 2, 3, 40, 4096, 4097, 8192, 8193, 100_000)
PUBLIC = {"encryption": Encryption.PUBLIC_KEY}


def params(value: Params) -> dict[str, object]:
    """What two parties must agree on."""
    derived = {
        "hash": value.hash.hex(),
        "security_bits": value.security_bits,
        "values_per_chunk": value.values_per_chunk,
        "capacity": value.capacity,
        "noise_capacity": value.noise_capacity,
        "upload_bytes": [value.upload_bytes(count) for count in COUNTS],
        "sum_bytes": [value.sum_bytes(count) for count in COUNTS],
    }
    return {"kind": "params", "described": value.describe(), "counts": list(COUNTS), **derived}


def residues(bits: int, words: list[int]) -> dict[str, object]:
    """Words and their bytes."""
    data = pack(np.array(words, dtype=np.uint64), bits)
    return {"kind": "residues", "bits": bits, "words": [str(word) for word in words], "data": data.hex()}


def fields(fields: int, field_bits: int, modulus_bits: int, steps: list[int]) -> dict[str, object]:
    """Steps and the plaintext coefficients that carry them."""
    value = PackedParams(
        fields=fields, field_bits=field_bits, modulus_bits=modulus_bits, step_bits=10, max_clients=2
    )
    words = blobs.plaintext_words(memory.saved(scheme_of(value).encode(np.array(steps))))
    used = value.coefficients(len(steps))
    listed = [str(word) for word in words[:used]] + ["0"] * (used - words.size)
    return {"kind": "fields", "described": value.describe(), "steps": steps, "words": listed}


def identity(name: str) -> Identity:
    """The same in every run."""
    return Identity.from_private_bytes(name, hashlib.sha256(f"gradveil test {name}".encode()).digest())


def frames(value: Params, count: int, weights: tuple[int, ...], passphrase: str | None) -> dict[str, object]:
    """One round with three clients: key, frames, aggregate, and what must come out."""
    key = ClientKey.generate(value, "known answers")
    public = key.public_key() if value.encryption is Encryption.PUBLIC_KEY else None
    clients, server = [identity(name) for name in NAMES], identity("server")
    roster = Roster.of(clients, server)
    bound = Binding(round=7, layout=bytes(range(32)), selection=bytes(range(32, 64)), count=count)
    rng = np.random.default_rng(count)
    steps = [rng.integers(-value.max_steps, value.max_steps, count, endpoint=True) for _ in clients]
    total = Accumulator(key.server_key(), bound, roster=roster, identity=server)
    uploads = []
    for client, vector, weight in zip(clients, steps, weights, strict=True):
        uploads.append(encrypt(public or key, vector * value.step, identity=client, binding=bound))
        total.add(uploads[-1], weight)
    return {
        "kind": "frames",
        "described": value.describe(),
        "job": key.scope.job,
        "key_id": key.scope.key_id.hex(),
        "passphrase": passphrase,
        "client_key": text_of(saved(key, passphrase)),
        "public_key": text_of(public.to_bytes()) if public else None,
        "server_key": text_of(key.server_key().to_bytes()),
        "roster": text_of(roster.to_bytes()),
        "binding": [bound.round, bound.layout.hex(), bound.selection.hex(), count],
        "weights": list(weights),
        "steps": [vector.tolist() for vector in steps],
        "uploads": [text_of(upload) for upload in uploads],
        "aggregate": text_of(total.close()),
        "sum": sum(w * vector for w, vector in zip(weights, steps, strict=True)).tolist(),
    }


def saved(key: ClientKey, passphrase: str | None) -> bytes:
    """The bytes of a key file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "key"
        key.save(path, passphrase)
        return path.read_bytes()


def text_of(data: bytes) -> str:
    """Base64."""
    return base64.b64encode(data).decode()


def text(case: dict[str, object]) -> str:
    """A file's content: short lists on one line each."""
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in case.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


EXTREMES = [0, 1, -1, 1024, -1024, 1023, -1023, -1024, -1024, -1024, 1024, 1024, 1024, -1, 0, 0, 0]

CASES = {
    "params-packed": params(PackedParams()),
    "params-packed-public": params(PackedParams(modulus_bits=54, fields=1, field_bits=30, **PUBLIC)),
    "params-packed-three": params(
        PackedParams.for_(clients=10, value_range=0.25, precision_bits=9, security=256)
    ),
    "params-ckks": params(CkksParams()),
    "params-ckks-public": params(CkksParams(scale_bits=44, step_bits=20, max_abs=4.0, **PUBLIC)),
    "params-nvflare": params(TensealVectorParams.nvflare()),
    "params-maskcrypt": params(TensealVectorParams.maskcrypt()),
    "params-fedml-he": params(TensealVectorParams.fedml_he()),
    "residues-1": residues(1, [1, 0, 0, 1, 1, 0, 1, 0, 1]),
    "residues-7": residues(7, [0x7F, 0, 0x55, 1]),
    "residues-8": residues(8, [0, 0xFF, 0x12]),
    "residues-54": residues(54, [0, 1, 2**54 - 1, 0x123456789ABCD, 0x2AAAAAAAAAAAAA]),
    "residues-56": residues(56, [2**56 - 1, 0x0123456789ABCD]),
    "residues-63": residues(63, [2**63 - 1, 2**62, 1]),
    "fields-1": fields(1, 30, 56, EXTREMES),
    "fields-2": fields(2, 23, 56, EXTREMES),
    "fields-3": fields(3, 14, 53, EXTREMES),
    "fields-3-negative": fields(3, 14, 53, [-1, -1, -1, 0, 0, -1, -1, 0, 0]),
}

SMALL = {"poly_degree": 2048, "step_bits": 14, "max_clients": 8}

FRAMES = {
    "frames-packed": lambda: frames(
        PackedParams(modulus_bits=53, field_bits=19, **SMALL), 40, (1, 1, 1), PASSPHRASE
    ),
    "frames-packed-public": lambda: frames(
        PackedParams(modulus_bits=40, fields=1, field_bits=19, **SMALL, **PUBLIC), 40, (3, 1, 2), None
    ),
    # More values than slots, so that imaginary parts are in use.
    "frames-ckks": lambda: frames(
        CkksParams(modulus_bits=40, scale_bits=30, max_abs=4.0, **SMALL), 1100, (1, 2, 1), None
    ),
}


def main() -> None:
    """Write all files but the frames that are there already."""
    for name, case in CASES.items():
        (FOLDER / f"{name}.json").write_text(text(case))
    for name, make in FRAMES.items():
        if not (FOLDER / f"{name}.json").exists():
            (FOLDER / f"{name}.json").write_text(text(make()))


if __name__ == "__main__":
    main()
