"""Known answers: the files must stay readable, and each is recomputed here without the code that wrote it."""

import base64
import hashlib
import json
import math
import struct

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from attacks.keyrecovery.ntt import NegacyclicNtt
from he import (
    Accumulator,
    Binding,
    ClientKey,
    Decryptor,
    PublicKey,
    Roster,
    ServerKey,
    SignatureError,
    encrypt,
)
from he.params import from_description
from he.residues import unpack
from he.schemes import blobs, memory, scheme_of
from tests.he.vectors import generate

FILES = {path.stem: json.loads(path.read_text()) for path in sorted(generate.FOLDER.glob("*.json"))}
MAX_BYTES = 300_000


def of_kind(kind):
    chosen = {name: case for name, case in FILES.items() if case["kind"] == kind}
    return pytest.mark.parametrize("case", chosen.values(), ids=chosen)


def test_the_generator_writes_these_files():
    written = {name: generate.text(case) for name, case in generate.CASES.items()}
    kept = {name: (generate.FOLDER / f"{name}.json").read_text() for name in FILES}
    assert kept.keys() == written.keys() | generate.FRAMES.keys()
    assert written == {name: kept[name] for name in written}
    assert sum(map(len, kept.values())) < MAX_BYTES


# Sizes and limits by the formulas, in plain integers.


def polynomial(described, count):
    return math.ceil(count * described["modulus_bits"] / 8)


def packed_sizes(described, count):
    degree, places = described["poly_degree"], described["fields"]
    chunks = [min(degree * places, count - start) for start in range(0, count, degree * places)]
    first = sum(polynomial(described, math.ceil(chunk / places)) for chunk in chunks)
    return first, first + len(chunks) * polynomial(described, degree), len(chunks)


def ckks_sizes(described, count):
    chunks = math.ceil(count / described["poly_degree"])
    first = chunks * polynomial(described, described["poly_degree"])
    return first, 2 * first, chunks


@of_kind("params")
def test_parameters(case):
    described = case["described"]
    canonical = json.dumps(described, sort_keys=True, separators=(",", ":")).encode()
    assert hashlib.sha256(b"gradveil he params v2\0" + canonical).hexdigest() == case["hash"]
    params = from_description(described)
    again = generate.params(params)
    assert json.loads(generate.text(again)) == case
    if described["scheme"] == "tenseal-vector":
        return
    sizes = packed_sizes if described["scheme"] == "packed" else ckks_sizes
    for count, upload, total in zip(case["counts"], case["upload_bytes"], case["sum_bytes"], strict=True):
        first, both, chunks = sizes(described, count)
        assert total == both
        assert upload == (first + 64 * chunks if described["encryption"] == "shared-key" else both)


@of_kind("params")
def test_capacities(case):
    described = case["described"]
    steps = int(described["max_abs"] * 2 ** described["step_bits"])
    if described["scheme"] != "packed":
        return
    assert case["capacity"] == (2 ** (described["field_bits"] - 1) - 1) // steps
    shared = described["encryption"] == "shared-key"
    variance = 10.5 if shared else 10.5 * (2 * described["poly_degree"] + 1)
    deviations = math.sqrt(2 * 129 * math.log(2))
    plain = described["fields"] * described["field_bits"]
    room = 255 / 256 * 2 ** (described["modulus_bits"] - plain - 1) - described["max_clients"] / 2
    assert case["noise_capacity"] == math.floor(room**2 / (deviations**2 * variance))


@of_kind("residues")
def test_residues(case):
    bits, words = case["bits"], [int(word) for word in case["words"]]
    whole, rest = divmod(bits, 8)
    data = bytes.fromhex(case["data"])
    low = b"".join(word.to_bytes(8, "little")[:whole] for word in words)
    tops = int.from_bytes(data[len(low) :], "little")
    assert data[: len(low)] == low
    assert [tops >> rest * place & (2**rest - 1) for place in range(len(words))] == [
        word >> 8 * whole for word in words
    ]
    assert tops >> rest * len(words) == 0
    assert unpack(memoryview(data), len(words), bits).tolist() == words


@of_kind("fields")
def test_fields(case):
    described, steps = case["described"], case["steps"]
    places, bits = described["fields"], described["field_bits"]
    rows = [steps[start : start + places] for start in range(0, len(steps), places)]
    joined = [
        sum(step << place * bits for place, step in enumerate(row)) % 2 ** (places * bits) for row in rows
    ]
    assert [str(word) for word in joined] == case["words"]
    scheme = scheme_of(from_description(described))
    words = blobs.plaintext_words(memory.saved(scheme.encode(np.array(steps))))
    assert words.tolist() == joined[: words.size]
    assert not any(joined[words.size :])
    assert scheme.decode(scheme.encode(np.array(steps)), len(steps), 1, 1).tolist() == steps


# One stored round.


def data_of(text):
    return base64.b64decode(text, validate=True)


@pytest.fixture(params=[name for name, case in FILES.items() if case["kind"] == "frames"])
def round_(request):
    return FILES[request.param]


@pytest.fixture
def bound(round_):
    number, layout, selection, count = round_["binding"]
    return Binding(
        round=number, layout=bytes.fromhex(layout), selection=bytes.fromhex(selection), count=count
    )


@pytest.fixture
def roster(round_):
    return Roster.from_bytes(data_of(round_["roster"]))


@pytest.fixture
def stored_key(round_, tmp_path):
    path = tmp_path / "client.key"
    path.touch(0o600)
    path.write_bytes(data_of(round_["client_key"]))
    return ClientKey.load(path, round_["passphrase"])


def test_stored_keys_are_read(round_, stored_key, roster):
    assert stored_key.params == from_description(round_["described"])
    assert stored_key.scope.job == round_["job"]
    assert stored_key.scope.key_id.hex() == round_["key_id"]
    assert stored_key.server_key().to_bytes() == data_of(round_["server_key"])
    assert ServerKey.from_bytes(data_of(round_["server_key"])).scope == stored_key.scope
    identities = [generate.identity(name) for name in (*generate.NAMES, "server")]
    assert roster.to_bytes() == Roster.of(identities[:3], identities[3]).to_bytes()


def test_stored_frames_are_added_to_the_stored_aggregate(round_, bound, roster):
    """Signatures are deterministic and so are sums: the very bytes must come out."""
    total = Accumulator(
        ServerKey.from_bytes(data_of(round_["server_key"])),
        bound,
        roster=roster,
        identity=generate.identity("server"),
    )
    for upload, weight in zip(round_["uploads"], round_["weights"], strict=True):
        total.add(data_of(upload), weight)
    assert total.close() == data_of(round_["aggregate"])


def test_the_stored_aggregate_is_opened(round_, bound, roster, stored_key):
    result = Decryptor(stored_key, roster).decrypt(data_of(round_["aggregate"]), bound)
    assert result.contributors == dict(zip(generate.NAMES, round_["weights"], strict=True))
    expected = sum(w * np.array(s) for w, s in zip(round_["weights"], round_["steps"], strict=True))
    assert (result.values / stored_key.params.step).tolist() == expected.tolist() == round_["sum"]


def test_new_frames_and_stored_ones_add_up(round_, bound, roster, stored_key):
    if round_["public_key"]:
        client = PublicKey.from_bytes(data_of(round_["public_key"]))
        assert client.to_bytes() == data_of(round_["public_key"])
        assert client.scope == stored_key.scope
    else:
        client = stored_key
    values = np.array(round_["steps"][1]) * stored_key.params.step
    fresh = encrypt(client, values, identity=generate.identity("bob"), binding=bound)
    assert len(fresh) == len(data_of(round_["uploads"][1]))
    total = Accumulator(stored_key.server_key(), bound, roster=roster, identity=generate.identity("server"))
    total.add(data_of(round_["uploads"][0]))
    total.add(fresh)
    opened = Decryptor(stored_key, roster).decrypt(total.close(), bound)
    expected = np.array(round_["steps"][0]) + np.array(round_["steps"][1])
    assert (opened.values / stored_key.params.step).tolist() == expected.tolist()


def test_a_stored_frame_with_another_signature_is_refused(round_, bound, roster):
    data = bytearray(data_of(round_["uploads"][0]))
    position = len(data) - from_description(round_["described"]).upload_bytes(bound.count) - 1
    data[position] ^= 1
    total = Accumulator(
        ServerKey.from_bytes(data_of(round_["server_key"])),
        bound,
        roster=roster,
        identity=generate.identity("server"),
    )
    with pytest.raises(SignatureError):
        total.add(bytes(data))


def parsed(frame):
    """Fields of a frame by its documented layout, without the package."""
    form = "<4sHB32s16s32s32s32sQIIIQ32sH"
    names = (
        "magic version kind params_hash key_id job layout selection round count chunks chunk_bytes body_bytes"
    )
    values = struct.unpack_from(form, frame)
    header = dict(zip([*names.split(), "digest", "contributors"], values, strict=True))
    position = struct.calcsize(form)

    def text():
        nonlocal position
        (size,) = struct.unpack_from("<H", frame, position)
        start, position = position + 2, position + 2 + size
        return frame[start:position].decode()

    header["scheme"], header["sender"] = text(), text()
    weights = {}
    for _ in range(header["contributors"]):
        name = text()
        (weights[name],) = struct.unpack_from("<I", frame, position)
        position += 4
    header["contributors"] = weights
    return header, frame[:position], frame[position : position + 64], frame[position + 64 :]


def test_stored_frames_have_the_documented_layout(round_):
    number, layout, selection, count = round_["binding"]
    described = round_["described"]
    canonical = json.dumps(described, sort_keys=True, separators=(",", ":")).encode()
    common = {
        "magic": b"GVHE",
        "version": 1,
        "params_hash": hashlib.sha256(b"gradveil he params v2\0" + canonical).digest(),
        "key_id": bytes.fromhex(round_["key_id"]),
        "job": hashlib.sha256(b"gradveil he job v1\0" + round_["job"].encode()).digest(),
        "layout": bytes.fromhex(layout),
        "selection": bytes.fromhex(selection),
        "round": number,
        "count": count,
        "chunks": 1,
        "scheme": described["scheme"],
    }
    weights = dict(zip(generate.NAMES, round_["weights"], strict=True))
    stored = [
        (1, name, {name: 1}, text) for name, text in zip(generate.NAMES, round_["uploads"], strict=True)
    ]
    for kind, sender, contributors, text in [*stored, (2, "server", weights, round_["aggregate"])]:
        header, signed, signature, body = parsed(data_of(text))
        own = {
            "kind": kind,
            "sender": sender,
            "contributors": contributors,
            "body_bytes": len(body),
            "digest": hashlib.sha256(body).digest(),
        }
        assert header == common | own | {"chunk_bytes": header["chunk_bytes"]}
        key = Ed25519PublicKey.from_public_bytes(generate.identity(sender).public_bytes)
        key.verify(signature, b"gradveil he frame v1\0" + signed)


def residues_of(data, count, bits):
    """The packing read by Python integers; values (count,) and what follows them."""
    whole, rest = divmod(bits, 8)
    end = count * whole + math.ceil(count * rest / 8)
    tops = int.from_bytes(data[count * whole : end], "little")
    words = [
        int.from_bytes(data[place * whole : (place + 1) * whole], "little")
        + (((tops >> rest * place) & (2**rest - 1)) << 8 * whole)
        for place in range(count)
    ]
    return np.array(words, dtype=object), data[end:]


def is_prime(number):
    """Strong probable-prime test to the first twelve primes, which is a proof below 2^64."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37):
        power = pow(base, odd, number)
        squares = [pow(power, 2**time, number) for time in range(twos)]
        if power != 1 and number - 1 not in squares:
            return False
    return True


def largest_prime(bits, degree):
    """The largest prime of so many bits that is 1 mod 2 N, which SEAL takes."""
    return next(number for number in range(2**bits - 2 * degree + 1, 0, -2 * degree) if is_prime(number))


def opened_by_hand(described, secret, body, count):
    """Decryption from the definition, on Python integers: (b + a s) mod q, then unscaled."""
    degree, bits = described["poly_degree"], described["modulus_bits"]
    modulus = largest_prime(bits, degree)
    transform = NegacyclicNtt(degree, modulus)
    key, rest = residues_of(secret, degree, bits)
    assert not rest
    assert set(transform.inverse(key).tolist()) == {-1, 0, 1}
    if described["scheme"] == "packed":
        kept = math.ceil(count / described["fields"])
        first, rest = residues_of(body, kept, bits)
        second, rest = residues_of(rest, degree, bits)
        product = transform.inverse(transform.forward(second) * key % modulus)
        assert not rest
        return fields_by_hand(described, [int(each) for each in (first + product[:kept]) % modulus], modulus)[
            :count
        ]
    first, rest = residues_of(body, degree, bits)
    second, rest = residues_of(rest, degree, bits)
    assert not rest
    return slots_by_hand(described, transform.inverse((first + second * key) % modulus), count)


def fields_by_hand(described, noisy, modulus):
    places, bits = described["fields"], described["field_bits"]
    steps = []
    for value in noisy:
        message = (2 * value * 2 ** (places * bits) + modulus) // (2 * modulus)
        for _ in range(places):
            field = (message + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)
            steps.append(field)
            message = (message - field) >> bits
    return steps


def slots_by_hand(described, coefficients, count):
    """Values at zeta^(3^j), zeta = exp(i pi / N), in SEAL's order: real parts, then imaginary parts."""
    degree = described["poly_degree"]
    orbit = np.array([pow(3, place, 2 * degree) for place in range(degree // 2)])
    powers = np.exp(1j * np.pi * (np.outer(orbit, np.arange(degree)) % (2 * degree)) / degree)
    slots = powers @ coefficients.astype(np.float64) / 2.0 ** described["scale_bits"]
    raw = np.concatenate((slots.real, slots.imag))
    steps = np.rint(raw * 2.0 ** described["step_bits"])
    assert np.abs(raw * 2.0 ** described["step_bits"] - steps).max() < 0.25
    assert not steps[count:].any()
    return steps[:count].astype(int).tolist()


def test_the_stored_aggregate_decrypts_by_hand(round_, stored_key):
    *_, body = parsed(data_of(round_["aggregate"]))
    opened = opened_by_hand(round_["described"], stored_key._secret, body, round_["binding"][3])
    assert opened == round_["sum"]


@pytest.mark.parametrize("round_", ["frames-packed-public"], indirect=True)
def test_stored_public_uploads_decrypt_by_hand(round_, stored_key):
    for text, steps in zip(round_["uploads"], round_["steps"], strict=True):
        *_, body = parsed(data_of(text))
        assert opened_by_hand(round_["described"], stored_key._secret, body, len(steps)) == steps


def test_first_polynomials_add_up_by_hand(round_):
    described, count = round_["described"], round_["binding"][3]
    modulus = largest_prime(described["modulus_bits"], described["poly_degree"])
    packed = described["scheme"] == "packed"
    kept = math.ceil(count / described["fields"]) if packed else described["poly_degree"]
    firsts = [
        residues_of(parsed(data_of(text))[-1], kept, described["modulus_bits"])[0]
        for text in [*round_["uploads"], round_["aggregate"]]
    ]
    expected = sum(w * first for w, first in zip(round_["weights"], firsts[:3], strict=True)) % modulus
    assert expected.tolist() == firsts[3].tolist()
