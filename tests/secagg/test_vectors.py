"""Known answers, each recomputed here from the standard library, ECB blocks and rational numbers."""

import hashlib
import hmac
import json
from fractions import Fraction

import msgpack
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import secagg
from secagg import shamir
from tests.secagg.vectors import generate

FILES = {path.stem: json.loads(path.read_text()) for path in sorted(generate.FOLDER.glob("*.json"))}
PRIME = 2**256 + 297
PROTOCOL = "gradveil secagg v2 x25519 hkdf-sha256 aes-256"
RFC7748_SHARED = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"


def of_kind(kind):
    chosen = {name: case for name, case in FILES.items() if case["kind"] == kind}
    assert chosen
    return pytest.mark.parametrize("case", chosen.values(), ids=chosen)


def test_the_generator_writes_these_files():
    written = {name: generate.text(case) for name, case in generate.CASES.items()}
    assert written == {name: (generate.FOLDER / f"{name}.json").read_text() for name in FILES}


def hkdf(secret, salt, info):
    """RFC 5869 for one block of output."""
    extracted = hmac.digest(salt, secret, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


def derived(secret, purpose, session, number, binding, parties):
    info = msgpack.packb(["gradveil", "secagg-kdf", 2, PROTOCOL, purpose, session, number, parties])
    return hkdf(secret, binding, info)


def keystream(key, bits, count):
    """The first words of AES-256 in counter mode, block by block."""
    encrypt = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305
    width = {8: 1, 16: 2, 32: 4, 64: 8}[bits]
    stream = b"".join(encrypt.update(counter.to_bytes(16)) for counter in range(count * width // 16 + 1))
    return [int.from_bytes(stream[i : i + width], "little") for i in range(0, count * width, width)]


def polynomial(coefficients, x):
    return sum(c * x**power for power, c in enumerate(coefficients)) % PRIME


def secret_of(case):
    if "secret" in case:
        return bytes.fromhex(case["secret"])
    private = X25519PrivateKey.from_private_bytes(bytes.fromhex(case["private"]))
    shared = private.exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(case["peer"])))
    assert shared.hex() == RFC7748_SHARED
    return shared


@of_kind("key")
def test_keys(case):
    place = bytes.fromhex(case["session"]), case["round"], bytes.fromhex(case["binding"])
    assert derived(secret_of(case), case["purpose"], *place, case["parties"]).hex() == case["output"]


@of_kind("mask")
def test_masks(case):
    words = keystream(bytes.fromhex(case["key"]), case["bits"], 5)
    summed = [
        (x + case["sign"] * word) % 2 ** case["bits"] for x, word in zip(case["start"], words, strict=True)
    ]
    assert summed == case["output"]


@of_kind("split")
def test_splits(case):
    coefficients = [int(coefficient, 16) for coefficient in case["coefficients"]]
    for x, value in case["shares"]:
        assert int(value, 16) == polynomial(coefficients, x)
        assert len(value) == 66


@of_kind("shamir")
def test_shares_lie_on_the_polynomial(case):
    coefficients = [int(coefficient, 16) for coefficient in case["coefficients"]]
    for x, value in case["shares"]:
        assert int(value, 16) == polynomial(coefficients, x)


@of_kind("shamir")
def test_shares_combine_as_expected(case):
    shares = [(x, bytes.fromhex(value)) for x, value in case["shares"]]
    if case["expect"] != "valid":
        with pytest.raises(getattr(secagg, case["expect"])):
            shamir.combine(shares, case["threshold"])
        return
    assert shamir.combine(shares, case["threshold"]).hex() == case["output"]
    assert int(case["output"], 16) == int(case["coefficients"][0], 16)


@of_kind("correct")
def test_shares_are_corrected_as_expected(case):
    coefficients = [int(coefficient, 16) for coefficient in case["coefficients"]]
    wrong = [x for x, value in case["shares"] if int(value, 16) != polynomial(coefficients, x)]
    limit = (len(case["shares"]) - case["threshold"]) // 2
    assert (case["expect"] == "valid") == (len(wrong) <= limit)
    shares = [(x, bytes.fromhex(value)) for x, value in case["shares"]]
    if case["expect"] != "valid":
        with pytest.raises(getattr(secagg, case["expect"])):
            shamir.correct(shares, case["threshold"])
        return
    assert case["output"] == {"secret": f"{coefficients[0]:064x}", "wrong": wrong}


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


def directory_hash(place, names, encryption, masking, signatures):
    columns = [b"".join(part) for part in (encryption, masking, signatures)]
    packed = msgpack.packb(["gradveil", "secagg-directory", 2, *place, names, *columns])
    return hashlib.sha256(b"gradveil secagg directory v1\0" + packed).digest()


@of_kind("directory")
def test_directory_hashes(case):
    names, *columns = zip(*case["entries"], strict=True)
    parts = [[bytes.fromhex(each) for each in column] for column in columns]
    place = [bytes.fromhex(case["session"]), case["round"], bytes.fromhex(case["binding"])]
    assert directory_hash(place, names, *parts).hex() == case["output"]


class Party:
    """A client of the transcript, from the bytes that it drew."""

    def __init__(self, name):
        draws = [
            hashlib.sha256(f"gradveil secagg transcript {name} ".encode() + count.to_bytes(4)).digest()
            for count in range(1, 11)
        ]
        self.name = name
        self.encryption, self.masking = (X25519PrivateKey.from_private_bytes(draw) for draw in draws[:2])
        self.seed, self.masking_secret = draws[2], draws[1]
        rest = [int.from_bytes(draw) % PRIME for draw in draws[3:7]]
        self.seed_polynomial = [int.from_bytes(self.seed), *rest[:2]]
        self.mask_polynomial = [int.from_bytes(self.masking_secret), *rest[2:]]
        self.signer = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())

    def publics(self):
        return [each.public_key().public_bytes_raw() for each in (self.encryption, self.masking)]


class Transcript:
    """The messages of a case by kind and client, without signatures, and the parties behind them."""

    def __init__(self, case):
        self.case = case
        self.names = ["ann", "bob", "cid", "dan"]
        self.parties = {name: Party(name) for name in self.names}
        self.malicious = case["adversary"] == "malicious"
        self.place = [bytes.fromhex(case["session"]), case["round"]]
        self.up, self.down = {}, {}
        for sender, receiver, payload in case["messages"]:
            data = bytes.fromhex(payload)
            if receiver == "server" and self.malicious:
                data, signature = data[:-64], data[-64:]
                public = self.parties[sender].signer.public_key()
                public.verify(signature, b"gradveil secagg message v1\0" + data)
            fields = msgpack.unpackb(data)
            assert fields[0] == "gradveil"
            assert fields[2:5] == [2, *self.place]
            box, party = (self.up, sender) if receiver == "server" else (self.down, receiver)
            box.setdefault(fields[1].removeprefix("secagg-"), {})[party] = fields[5:]
        self.binding = self.down["directory"]["ann"][0]
        self.after = self.up["shares"]["ann"][0]

    def key(self, secret, purpose, parties):
        return derived(secret, purpose, *self.place, self.after, sorted(parties))

    def pair_key(self, one, other, kind, purpose):
        private = getattr(self.parties[one], kind)
        shared = private.exchange(getattr(self.parties[other], kind).public_key())
        return self.key(shared, purpose, [one, other])

    def signed_place(self, binding):
        return self.place[0] + self.place[1].to_bytes(8, "little") + binding


@pytest.fixture(params=["transcript-semi-honest", "transcript-malicious"])
def played(request):
    return Transcript(FILES[request.param])


def test_a_transcript_has_all_messages(played):
    everybody, left = set(played.names), {"ann", "bob", "cid"}
    up = {"advertise": everybody, "shares": everybody, "masked": left, "unmask": left}
    down = {"directory": everybody, "routed": everybody, "survivors": left}
    if played.malicious:
        up["confirmation"] = down["confirmations"] = left
    assert {kind: set(sent) for kind, sent in played.up.items()} == up
    assert {kind: set(sent) for kind, sent in played.down.items()} == down


def test_a_transcripts_directory_holds_and_binds_all_keys(played):
    binding, names, *columns = played.down["directory"]["dan"]
    assert binding.hex() == played.case["binding"]
    assert names == played.names
    publics = [played.parties[name].publics() for name in names]
    signatures = []
    for name, keys in zip(names, publics, strict=True):
        sent = played.up["advertise"][name]
        assert sent[:4] == [binding, name, *keys]
        signatures.append(sent[4])
        if played.malicious:
            signed = b"gradveil secagg keys v1\0" + played.signed_place(binding) + b"".join(keys)
            played.parties[name].signer.public_key().verify(sent[4], signed)
    parts = [[keys[0] for keys in publics], [keys[1] for keys in publics], signatures]
    assert columns == [b"".join(part) for part in parts]
    assert directory_hash([*played.place, binding], names, *parts) == played.after


def test_a_transcripts_ciphertexts_hold_the_shares(played):
    for sender in played.names:
        party, peers = played.parties[sender], [name for name in played.names if name != sender]
        binding, client, commitment, sealed = played.up["shares"][sender]
        assert (binding, client) == (played.after, sender)
        assert commitment == played.key(party.seed, "seed commitment", [sender])
        for place, receiver in enumerate(peers):
            blob = sealed[94 * place : 94 * (place + 1)]
            key = played.pair_key(sender, receiver, "encryption", "share encryption")
            bound = msgpack.packb(
                ["gradveil", "secagg-sealed", 2, *played.place, played.after, sender, receiver]
            )
            plain = AESGCM(key).decrypt(blob[:12], blob[12:], bound)
            point = played.names.index(receiver) + 1
            assert int.from_bytes(plain[:33]) == polynomial(party.seed_polynomial, point)
            assert int.from_bytes(plain[33:]) == polynomial(party.mask_polynomial, point)
            others = [name for name in played.names if name != receiver]
            _, _, senders, routed = played.down["routed"][receiver]
            at = others.index(sender)
            assert senders == b"\x07"
            assert routed[94 * at : 94 * (at + 1)] == blob


def encoded(case, place):
    """Client number `place`'s ring vector: whole steps of 1/127, times its weight, and the weight."""
    weight, modulus = case["weights"][place], 2 ** case["modulus_bits"]
    steps = [round(Fraction(value) * case["levels"]) for value in case["values"]]
    return [step * weight % modulus for step in steps] + [weight]


def test_a_transcripts_vectors_are_masked_by_all_pairs(played):
    case, modulus = played.case, 2 ** played.case["modulus_bits"]
    bits = case["modulus_bits"]
    assert bits == 14
    for place, name in enumerate(played.names[:3]):
        total = encoded(case, place)
        masks = [(1, played.key(played.parties[name].seed, "self mask", [name]))]
        for peer in played.names:
            if peer != name:
                masks.append((1 if name > peer else -1, played.pair_key(name, peer, "masking", "pair mask")))
        for sign, key in masks:
            total = [x + sign * word for x, word in zip(total, keystream(key, 16, 4), strict=True)]
        joined = sum(x % modulus << (bits * index) for index, x in enumerate(total))
        assert played.up["masked"][name] == [played.after, name, joined.to_bytes(7, "little")]


def test_a_transcripts_answers_are_one_share_of_each(played):
    for name in played.names[:3]:
        point = played.names.index(name) + 1
        binding, client, owners, shares = played.up["unmask"][name]
        assert (binding, client, owners) == (played.after, name, b"\x0f")
        polynomials = [played.parties[owner].seed_polynomial for owner in played.names[:3]]
        polynomials.append(played.parties["dan"].mask_polynomial)
        assert shares == b"".join(polynomial(each, point).to_bytes(33) for each in polynomials)


def test_a_transcripts_survivors_are_confirmed(played):
    for name in played.names[:3]:
        assert played.down["survivors"][name] == [played.after, b"\x07"]
    if not played.malicious:
        return
    place = played.signed_place(played.after)
    signed = b"gradveil secagg survivors v1\0" + place + hashlib.sha256(b"\x07").digest()
    signatures = [played.up["confirmation"][name][2] for name in played.names[:3]]
    for name, signature in zip(played.names, signatures, strict=False):
        played.parties[name].signer.public_key().verify(signature, signed)
        assert played.down["confirmations"][name] == [played.after, name, b"\x07", b"".join(signatures)]


def test_a_transcripts_sum_is_exact(played):
    rows = [encoded(played.case, place) for place in range(3)]
    modulus = 2 ** played.case["modulus_bits"]
    assert [sum(column) % modulus for column in zip(*rows, strict=True)] == played.case["output"]
