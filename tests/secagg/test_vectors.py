"""Known answers, each recomputed here from the standard library, ECB blocks and rational numbers."""

import hashlib
import hmac
import json
from fractions import Fraction

import msgpack
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

import secagg
from secagg import shamir
from tests.secagg.vectors import generate

FILES = {path.stem: json.loads(path.read_text()) for path in sorted(generate.FOLDER.glob("*.json"))}
PRIME = 2**256 + 297
RFC7748_SHARED = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"


def of_kind(kind):
    chosen = {name: case for name, case in FILES.items() if case["kind"] == kind}
    return pytest.mark.parametrize("case", chosen.values(), ids=chosen)


def test_the_generator_writes_these_files():
    written = {name: generate.text(case) for name, case in generate.CASES.items()}
    assert written == {name: (generate.FOLDER / f"{name}.json").read_text() for name in FILES}


def hkdf(secret, salt, info):
    """RFC 5869 for one block of output."""
    extracted = hmac.digest(salt, secret, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


def secret_of(case):
    if "secret" in case:
        return bytes.fromhex(case["secret"])
    private = X25519PrivateKey.from_private_bytes(bytes.fromhex(case["private"]))
    shared = private.exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(case["peer"])))
    assert shared.hex() == RFC7748_SHARED
    return shared


@of_kind("key")
def test_keys(case):
    protocol = "bonawitz-2017 x25519 hkdf-sha256 aes-256"
    context = [protocol, case["purpose"], bytes.fromhex(case["session"]), case["round"], case["parties"]]
    info = msgpack.packb(["gradveil", "secagg-kdf", 1, *context])
    assert hkdf(secret_of(case), bytes.fromhex(case["binding"]), info).hex() == case["output"]


@of_kind("mask")
def test_masks(case):
    encrypt = Cipher(algorithms.AES(bytes.fromhex(case["key"])), modes.ECB()).encryptor()  # noqa: S305
    stream = b"".join(encrypt.update(counter.to_bytes(16)) for counter in range(4))
    width = case["bits"] // 8
    words = [int.from_bytes(stream[i : i + width], "little") for i in range(0, 5 * width, width)]
    summed = [
        (x + case["sign"] * word) % 2 ** case["bits"] for x, word in zip(case["start"], words, strict=True)
    ]
    assert summed == case["output"]


@of_kind("shamir")
def test_shares_lie_on_the_polynomial(case):
    coefficients = [int(coefficient, 16) for coefficient in case["coefficients"]]
    for x, value in case["shares"]:
        assert int(value, 16) == sum(c * x**power for power, c in enumerate(coefficients)) % PRIME


@of_kind("shamir")
def test_shares_combine_as_expected(case):
    shares = [(x, bytes.fromhex(value)) for x, value in case["shares"]]
    if case["expect"] != "valid":
        with pytest.raises(getattr(secagg, case["expect"])):
            shamir.combine(shares, case["threshold"])
        return
    assert shamir.combine(shares, case["threshold"]).hex() == case["output"]
    assert int(case["output"], 16) == int(case["coefficients"][0], 16)


@of_kind("encode")
def test_encodings(case):
    modulus = 2 ** case["bits"]
    room = (modulus // 2 - 1) // (case["max_clients"] * case["max_weight"])
    step = Fraction(case["clip"]) / min(room, 2**52)
    clipped = [max(min(Fraction(float32(value)), 1), -1) for value in case["values"]]
    expected = [round(value / step) * case["weight"] % modulus for value in clipped]
    assert [*expected, case["weight"]] == case["output"]


def float32(value):
    """The nearest single-precision number."""
    return float.fromhex({0.1: "0x1.99999ap-4"}.get(value, float(value).hex()))


@of_kind("roster")
def test_roster_hashes(case):
    entries = [[name, bytes.fromhex(first + second)] for name, first, second in case["entries"]]
    place = [bytes.fromhex(case["session"]), case["round"], bytes.fromhex(case["binding"])]
    packed = msgpack.packb(["gradveil", "secagg-roster", 1, *place, entries])
    assert hashlib.sha256(b"gradveil secagg roster v1\0" + packed).hexdigest() == case["output"]
