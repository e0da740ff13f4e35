import itertools

import numpy as np
import pytest

from gradveil.exchange.errors import TooFewClientsError
from he import (
    Accumulator,
    CapacityError,
    CkksParams,
    ClientKey,
    ContributorError,
    DecryptionError,
    Decryptor,
    FrameError,
    HeError,
    Identity,
    PackedParams,
    Roster,
    ServerKey,
    SignatureError,
)
from he.residues import pack, packed_bytes, unpack
from he.schemes import scheme_of
from tests.he.conftest import PARAMS
from tests.he.parties import (
    ANN,
    BOB,
    CID,
    CLIENTS,
    DAN,
    ROSTER,
    SERVER,
    binding,
    forged,
    identity,
    server,
    upload,
)


def opened(key, data, count, number=1):
    return Decryptor(key, ROSTER).decrypt(data, binding(count, number))


def test_values_and_contributors_travel(key, encrypting):
    total = server(key, 2)
    for client, value in ((CID, 0.5), (ANN, 0.25), (BOB, -1.0)):
        assert total.add(upload(encrypting, [value, -value], client)) == client.name
    assert total.contributors == ("ann", "bob", "cid")
    result = opened(key, total.close(), 2)
    assert result.values.tolist() == [-0.25, 0.25]
    assert result.contributors == {"ann": 1, "bob": 1, "cid": 1}


def test_weights_multiply_on_the_server(key, encrypting):
    total = server(key, 3)
    total.add(upload(encrypting, [1.0, -0.5, 0.0], ANN), 7)
    total.add(upload(encrypting, [-1.0, 1.0, 0.25], BOB), 2)
    total.add(upload(encrypting, [0.5, 0.5, 0.5], CID))
    result = opened(key, total.close(), 3)
    assert result.values.tolist() == [5.5, -1.0, 1.0]
    assert result.contributors == {"ann": 7, "bob": 2, "cid": 1}


def test_several_chunks_and_a_partial_last_one(key, encrypting):
    count = 2 * key.params.values_per_chunk + 3
    values = np.random.default_rng(0).uniform(-1, 1, (2, count))
    total = server(key, count)
    for client, row in zip((ANN, BOB), values, strict=True):
        total.add(upload(encrypting, row, client))
    step = key.params.step
    expected = (np.rint(values[0] / step) + np.rint(values[1] / step)) * step
    np.testing.assert_array_equal(opened(key, total.close(), count).values, expected)


def test_order_of_arrival_does_not_matter(shared_key):
    frames = [
        upload(shared_key, [value], client) for client, value in zip(CLIENTS, (0.25, 1.0, -0.5), strict=False)
    ]
    sums = set()
    for order in itertools.permutations(frames):
        total = server(shared_key, 1)
        for frame in order:
            total.add(frame)
        sums.add(total.close())
    assert len(sums) == 1


def test_a_server_from_bytes_alone_adds(key, encrypting):
    remote = Accumulator(
        ServerKey.from_bytes(key.server_key().to_bytes()), binding(1), roster=ROSTER, identity=SERVER
    )
    remote.add(upload(encrypting, [1.0], ANN))
    remote.add(upload(encrypting, [0.5], BOB))
    assert opened(key, remote.close(), 1).values.tolist() == [1.5]


def test_one_sum_makes_one_aggregate(shared_key):
    total = server(shared_key, 1)
    for client in (ANN, BOB):
        total.add(upload(shared_key, [1.0], client))
    first = total.close()
    assert total.close() == first
    with pytest.raises(ContributorError, match=r"closed.*difference"):
        total.add(upload(shared_key, [1.0], CID))
    assert total.close() == first
    assert total.contributors == ("ann", "bob")


@pytest.mark.parametrize(("wanted", "needed"), [(0, 2), (1, 2), (2, 2), (3, 3)])
def test_too_few_clients_make_no_aggregate_yet(shared_key, wanted, needed):
    total = server(shared_key, 1, min_contributors=wanted)
    for present, client in enumerate(CLIENTS[:needed]):
        with pytest.raises(TooFewClientsError, match=f"over {present} clients"):
            total.close()
        total.add(upload(shared_key, [1.0], client))
    assert opened(shared_key, total.close(), 1).values.tolist() == [needed]


def refusals(key):
    """Frames that do not belong, each with its error."""
    params = key.params
    other_key = ClientKey.generate(params, "job")
    other_job = ClientKey.generate(params, "another job")
    other_params = ClientKey.generate(PackedParams(max_clients=32), "job")
    good = upload(key, [1.0], CID)
    both = server(key, 1)
    for client in (CID, DAN):
        both.add(upload(key, [1.0], client))
    stranger = Identity.generate("eve")
    impostor = Identity.generate("cid")
    return {
        "a second time": (upload(key, [1.0], ANN), ContributorError, "in the sum already"),
        "a sum": (both.close(), ContributorError, "sum found|FrameError|fit"),
        "another count": (upload(key, [1.0, 2.0 / 4], CID), FrameError, "fit|another number"),
        "another round": (upload(key, [1.0], CID, number=2), FrameError, "another round"),
        "another key": (upload(other_key, [1.0], CID), FrameError, "another key"),
        "another job": (upload(other_job, [1.0], CID), FrameError, "another (key|job)"),
        "other parameters": (upload(other_params, [1.0], CID), FrameError, "other parameters"),
        "a stranger": (upload(key, [1.0], stranger), SignatureError, "no client of the roster"),
        "an impostor": (upload(key, [1.0], impostor), SignatureError, "not that of 'cid'"),
        "the server": (upload(key, [1.0], SERVER), SignatureError, "no client"),
        "a flipped body": (good[:-1] + bytes([good[-1] ^ 1]), FrameError, "not the one that was signed"),
        "a cut": (good[:-1], FrameError, "."),
        "a tail": (good + b"\0", FrameError, "."),
        "nothing": (b"", FrameError, "."),
    }


def test_refused_frames_leave_the_sum_as_it_was(shared_key):
    total, untouched = (server(shared_key, 1) for _ in range(2))
    for client in (ANN, BOB):
        frame = upload(shared_key, [1.0], client)
        total.add(frame)
        untouched.add(frame)
    for name, (frame, error, reason) in refusals(shared_key).items():
        if name == "a sum":
            error, reason = (ContributorError, FrameError), "."
        with pytest.raises(error, match=reason):
            total.add(frame)
    assert total.contributors == ("ann", "bob")
    assert total.close() == untouched.close()


@pytest.mark.parametrize("weight", [0, -1, 1.0, True, "1", None])
def test_a_weight_is_a_positive_int(shared_key, weight):
    total = server(shared_key, 1)
    with pytest.raises(ContributorError, match="positive int"):
        total.add(upload(shared_key, [1.0]), weight)
    assert total.contributors == ()


SMALL = {
    "packed": PackedParams(max_clients=3),
    "ckks": CkksParams(max_clients=3),
}


@pytest.mark.parametrize("params", SMALL.values(), ids=SMALL)
def test_one_contributor_beyond_capacity_is_refused(params):
    key = ClientKey.generate(params, "job")
    total = server(key, 2)
    for client in (ANN, BOB, CID):
        total.add(upload(key, [params.max_abs, -params.max_abs], client))
    with pytest.raises(CapacityError, match="weights add up to 4, max_clients is 3"):
        total.add(upload(key, [params.max_abs, 0.0], DAN))
    assert total.contributors == ("ann", "bob", "cid")
    assert opened(key, total.close(), 2).values.tolist() == [3 * params.max_abs, -3 * params.max_abs]


def test_the_default_capacity_is_that_of_64_clients():
    key = ClientKey.generate(PackedParams(), "job")
    clients = [identity(f"client {number:02d}") for number in range(65)]
    roster = Roster.of(clients, SERVER)
    total = Accumulator(key.server_key(), binding(2), roster=roster, identity=SERVER)
    for client in clients[:64]:
        total.add(upload(key, [1.0, -1.0], client))
    with pytest.raises(CapacityError, match="max_clients is 64"):
        total.add(upload(key, [1.0, -1.0], clients[64]))
    values = Decryptor(key, roster).decrypt(total.close(), binding(2)).values
    assert values.tolist() == [64, -64]


def test_weights_count_as_contributors(shared_key):
    total = server(shared_key, 1)
    total.add(upload(shared_key, [1.0], ANN), 3)
    with pytest.raises(CapacityError, match="weights add up to 65"):
        total.add(upload(shared_key, [1.0], BOB), 62)
    assert total.contributors == ("ann",)


def test_squared_weights_have_a_capacity_of_their_own(shared_key):
    """Noise grows with the squares, so one heavy client needs more room than many light ones."""
    room = shared_key.params.noise_capacity
    heavy = int(room**0.5)
    total = server(shared_key, 1)
    with pytest.raises(CapacityError, match=rf"squared weights add up to {(heavy + 1) ** 2}, {room} fit"):
        total.add(upload(shared_key, [1.0], ANN), heavy + 1)
    total.add(upload(shared_key, [1.0], ANN), heavy - 1)
    with pytest.raises(CapacityError, match="squared weights"):
        total.add(upload(shared_key, [1.0], BOB), heavy)
    total.add(upload(shared_key, [-1.0], BOB))
    assert opened(shared_key, total.close(), 1).values.tolist() == [heavy - 2]


def with_residue(key, body, count, chunk, value):
    """A body with one residue of one of its chunks replaced."""
    params = key.params
    start = params.upload_bytes(chunk * params.values_per_chunk) if chunk else 0
    size = min(params.values_per_chunk, count - chunk * params.values_per_chunk)
    kept = params.coefficients(size)
    stop = start + packed_bytes(kept, params.modulus_bits)
    words = unpack(memoryview(body)[start:stop], kept, params.modulus_bits)
    words[-1] = value
    return body[:start] + pack(words, params.modulus_bits) + body[stop:]


@pytest.mark.parametrize("chunk", [0, 1, 2], ids=["first", "middle", "last"])
def test_a_signed_residue_beyond_the_prime_leaves_the_sum_as_it_was(key, encrypting, chunk):
    count = 2 * key.params.values_per_chunk + 5
    values = np.full(count, 0.5)
    total, untouched = server(key, count), server(key, count)
    for client in (ANN, BOB):
        frame = upload(encrypting, values, client)
        total.add(frame)
        untouched.add(frame)
    body = upload(encrypting, values, CID)[-key.params.upload_bytes(count) :]
    modulus = scheme_of(key.params).ring.modulus
    for value in (modulus, 2**key.params.modulus_bits - 1):
        bad = forged(key, with_residue(key, body, count, chunk, value), count, sender=CID)
        with pytest.raises(FrameError, match="not below the prime"):
            total.add(bad)
    assert total.contributors == ("ann", "bob")
    assert total.close() == untouched.close()


def random_body(key, count, seed=0):
    """Random residues below the prime, chunk by chunk, with random seeds."""
    params, rng = key.params, np.random.default_rng(seed)
    body = bytearray()
    for start in range(0, count, params.values_per_chunk):
        size = min(params.values_per_chunk, count - start)
        kept = params.coefficients(size)
        rest = params.upload_bytes(size) - packed_bytes(kept, params.modulus_bits)
        sizes = [kept] if rest == 64 else [kept, params.poly_degree]
        for length in sizes:
            words = rng.integers(scheme_of(params).ring.modulus, size=length, dtype=np.uint64)
            body += pack(words, params.modulus_bits)
        body += rng.bytes(64) if rest == 64 else b""
    return bytes(body)


@pytest.mark.parametrize("first", [True, False])
def test_a_signed_random_body_is_added_and_spoils_the_sum_only(key, encrypting, first):
    """No server without a key can tell it from a ciphertext; the key holder gets an error."""
    count = key.params.values_per_chunk + 40
    garbage = forged(key, random_body(key, count), count, sender=CID)
    frames = [upload(encrypting, np.full(count, 0.5), client) for client in (ANN, BOB)]
    total = server(key, count)
    for frame in [garbage, *frames] if first else [*frames, garbage]:
        total.add(frame)
    with pytest.raises(DecryptionError, match="no sum under this key"):
        opened(key, total.close(), count)


PUBLISHED = {
    "packed": PARAMS["packed-public"],
    "ckks": PARAMS["ckks-public"],
}


@pytest.mark.parametrize("params", PUBLISHED.values(), ids=PUBLISHED)
@pytest.mark.parametrize("attack", ["zero", "cancelling"])
def test_a_second_polynomial_chosen_to_vanish_does_not_corrupt_the_sum(params, attack):
    """c1 = 0, or minus another client's: SEAL refuses transparent results, halfway through the chunks."""
    key = ClientKey.generate(params, "job")
    public, count = key.public_key(), params.values_per_chunk + 5
    values = np.full(count, 0.5)
    frames = [upload(public, values, client) for client in (ANN, BOB)]
    size = packed_bytes(params.poly_degree, params.modulus_bits)
    modulus = np.uint64(scheme_of(params).ring.modulus)
    vanishing = np.zeros(params.poly_degree, dtype=np.uint64)
    if attack == "cancelling":
        vanishing = sum(
            unpack(memoryview(frame)[-size:], params.poly_degree, params.modulus_bits) for frame in frames
        )
        vanishing = (modulus - vanishing % modulus) % modulus
    body = upload(public, values, CID)[-params.upload_bytes(count) :]
    bad = forged(key, body[:-size] + pack(vanishing, params.modulus_bits), count, sender=CID)
    total, untouched = server(key, count), server(key, count)
    for frame in frames:
        total.add(frame)
        untouched.add(frame)
    try:
        total.add(bad, 3 if attack == "zero" else 1)
    except HeError:
        assert total.close() == untouched.close()
    else:
        assert total.contributors == ("ann", "bob", "cid")
        total.close()


def test_a_malformed_binding_or_count_is_refused_at_once(shared_key):
    with pytest.raises(CapacityError):
        server(shared_key, 2**27 + 1)
    with pytest.raises(FrameError):
        server(shared_key, 0)
    with pytest.raises(FrameError):
        server(shared_key, 1, number=-1)
