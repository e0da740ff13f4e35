import numpy as np
import pytest

from gradveil.exchange.errors import TooFewClientsError
from he import (
    CapacityError,
    CkksParams,
    ClientKey,
    ContributorError,
    DecryptionError,
    Decryptor,
    Encryption,
    FrameError,
    Identity,
    KeyRoleError,
    Ledger,
    PackedParams,
    ReplayError,
    Roster,
    SignatureError,
)
from he.frames import Kind
from he.residues import pack
from he.schemes import scheme_of
from tests.he.parties import (
    ANN,
    CID,
    CLIENTS,
    ROSTER,
    SERVER,
    aggregate,
    bench,
    binding,
    forged,
    server,
    upload,
)

PAIR = {"ann": 1, "bob": 1}
ONE_MESSAGE = "no sum under this key; check the key and ask for a new sum"


def sum_of(key, encrypting, vectors, number=1):
    total = server(key, len(vectors[0]), number)
    for client, vector in zip(CLIENTS, vectors, strict=False):
        total.add(upload(encrypting, vector, client, number))
    return total.close()


def signed_sum(key, body, count, contributors=None, number=1, sender=SERVER):
    names = contributors or PAIR
    return forged(key, body, count, sender=sender, kind=Kind.SUM, contributors=names, number=number)


def test_values_are_integer_multiples_of_the_step_and_nothing_finer(key, encrypting):
    """Raw CKKS values give the key away, so the grid is all that may leave."""
    values = np.random.default_rng(0).normal(0, 0.2, (3, key.params.values_per_chunk + 9)).clip(-1, 1)
    result = Decryptor(key, ROSTER).decrypt(sum_of(key, encrypting, values), binding(values.shape[1]))
    steps = result.values / key.params.step
    np.testing.assert_array_equal(steps, np.rint(values / key.params.step).sum(axis=0))
    assert (steps == np.rint(steps)).all()
    assert result.values.dtype == np.float64


def test_zeros_come_back_without_the_sign_of_the_noise(key, encrypting):
    data = sum_of(key, encrypting, np.zeros((2, 5000)))
    assert not np.signbit(Decryptor(key, ROSTER).decrypt(data, binding(5000)).values).any()


def garbage(params, count, seed):
    rng, modulus = np.random.default_rng(seed), scheme_of(params).ring.modulus
    sizes = (params.coefficients(count), params.poly_degree)
    return b"".join(
        pack(rng.integers(modulus, size=size, dtype=np.uint64), params.modulus_bits) for size in sizes
    )


def failing_bodies(key):
    """Sums that are none, for each way in which one can be none; of 41 values, in one chunk."""
    params, most = key.params, key.params.max_steps
    ours = bench_of(key)
    too_large = ours.add([ours.upload(np.full(41, most)) for _ in range(3)], [1, 1, 1], 41)[0]
    empty = ours.add([ours.upload(np.arange(41))], [1], 41)[0]
    kept = len(empty) - len(pack(np.zeros(params.poly_degree, np.uint64), params.modulus_bits))
    bodies = {
        "random": garbage(params, 41, 0),
        "random again": garbage(params, 41, 1),
        "beyond the weight": too_large,
        "no second polynomial": empty[:kept] + bytes(len(empty) - kept),
        "first polynomial of zeros": bytes(kept) + empty[kept:],
        "all zeros in c0, garbage in c1": bytes(kept) + garbage(params, 41, 3)[kept:],
    }
    longer = ours.add([ours.upload(np.ones(42, dtype=np.int64))], [1], 42)[0]
    if len(longer) == len(empty):
        bodies["behind the end"] = longer
    if params.scheme == "ckks" and params.encryption is Encryption.SHARED_KEY:
        finer = CkksParams(step_bits=params.step_bits + 1, max_clients=2)
        half = scheme_of(finer).secret_encryptor(key._secret)
        bodies["off the grid"] = ours.add([[half.encrypt(np.ones(41, dtype=np.int64))]], [1], 41)[0]
    return bodies


def bench_of(key):
    """The scheme-level view of this very key."""
    ours = object.__new__(type(bench(key.params)))
    ours.params, ours.scheme, ours.secret = key.params, scheme_of(key.params), key._secret
    ours.encryptor = (key.public_key() if key.params.encryption is Encryption.PUBLIC_KEY else key).encryptor
    ours.adder, ours.decryptor = ours.scheme.adder(), key.decryptor
    return ours


def test_every_failed_decryption_says_the_same(key):
    """Which check failed would be an oracle about the key."""
    messages = {}
    for number, (name, body) in enumerate(failing_bodies(key).items()):
        data = signed_sum(key, body, 41, number=number)
        with pytest.raises(DecryptionError) as caught:
            Decryptor(key, ROSTER).decrypt(data, binding(41, number))
        messages[name] = str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
    assert len(messages) >= 6
    assert set(messages.values()) == {ONE_MESSAGE}


def test_another_key_is_refused_before_anything_is_decrypted(key, encrypting, monkeypatch):
    data = sum_of(key, encrypting, np.ones((2, 3)))
    other = ClientKey.generate(key.params, "job")
    opener = Decryptor(other, ROSTER)
    monkeypatch.setattr(type(other.decryptor), "decrypt", None)
    with pytest.raises(FrameError, match="another key"):
        opener.decrypt(data, binding(3))
    assert len(opener._ledger) == 0


def test_the_same_identifier_with_another_secret_is_a_decryption_error(shared_key):
    data = aggregate(shared_key, np.ones((2, 30)))
    other = ClientKey(shared_key.scope, ClientKey.generate(shared_key.params, "job")._secret)
    with pytest.raises(DecryptionError, match=ONE_MESSAGE):
        Decryptor(other, ROSTER).decrypt(data, binding(30))


def test_a_sum_over_one_client_is_refused(key):
    ours = bench_of(key)
    body = ours.add([ours.upload(np.arange(3))], [1], 3)[0]
    for contributors in ({"ann": 1}, {"ann": 2}):
        with pytest.raises(TooFewClientsError, match="over 1 clients"):
            Decryptor(key, ROSTER).decrypt(signed_sum(key, body, 3, contributors), binding(3))


@pytest.mark.parametrize(("wanted", "needed"), [(0, 2), (1, 2), (2, 2), (3, 3), (4, 4)])
def test_a_sum_over_too_few_clients_is_refused(shared_key, wanted, needed):
    sums = {n: aggregate(shared_key, np.ones((n, 2)), number=n) for n in (2, 3, 4)}
    for clients, data in sums.items():
        opener = Decryptor(shared_key, ROSTER, min_contributors=wanted)
        if clients >= needed:
            assert opener.decrypt(data, binding(2, clients)).values.tolist() == [clients] * 2
            continue
        with pytest.raises(TooFewClientsError):
            opener.decrypt(data, binding(2, clients))


def test_a_refused_sum_does_not_use_up_its_round(shared_key, tmp_path):
    ledger = Ledger(tmp_path / "ledger")
    opener = Decryptor(shared_key, ROSTER, ledger=ledger, min_contributors=3)
    with pytest.raises(TooFewClientsError):
        opener.decrypt(aggregate(shared_key, np.ones((2, 2))), binding(2))
    assert len(ledger) == 0
    assert opener.decrypt(aggregate(shared_key, np.ones((3, 2))), binding(2)).values.tolist() == [3, 3]


def test_one_contributor_beyond_capacity_is_refused():
    key = ClientKey.generate(PackedParams(max_clients=3), "job")
    body = bytes(key.params.sum_bytes(2))
    for contributors in (
        {"ann": 1, "bob": 1, "cid": 1, "dan": 1},
        {"ann": 3, "bob": 1},
        {"ann": 2**32 - 1, "bob": 1},
    ):
        with pytest.raises(CapacityError):
            Decryptor(key, ROSTER).decrypt(signed_sum(key, body, 2, contributors), binding(2))


def test_squared_weights_beyond_capacity_are_refused(shared_key):
    heavy = int(shared_key.params.noise_capacity**0.5) + 1
    body = bytes(shared_key.params.sum_bytes(2))
    with pytest.raises(CapacityError, match="squared weights"):
        Decryptor(shared_key, ROSTER).decrypt(
            signed_sum(shared_key, body, 2, {"ann": heavy, "bob": 1}), binding(2)
        )


def test_only_the_rosters_server_is_believed(shared_key):
    good = aggregate(shared_key, np.ones((2, 2)))
    body = good[-shared_key.params.sum_bytes(2) :]
    eve, impostor = Identity.generate("eve"), Identity.generate("server")
    opener = Decryptor(shared_key, ROSTER)
    for sender, reason in (
        (ANN, "not the server"),
        (eve, "not the server"),
        (impostor, "not that of 'server'"),
    ):
        with pytest.raises(SignatureError, match=reason):
            opener.decrypt(signed_sum(shared_key, body, 2, sender=sender), binding(2))
    other = Roster.of([ANN, CID], SERVER)
    with pytest.raises(ContributorError, match="not in the roster"):
        Decryptor(shared_key, other).decrypt(good, binding(2))
    assert opener.decrypt(good, binding(2)).contributors == PAIR


def test_an_upload_is_not_opened(key, encrypting):
    """A client's own frame, or one dressed as a sum by its sender, is no aggregate."""
    frame = upload(encrypting, np.ones(3))
    with pytest.raises((ContributorError, FrameError)):
        Decryptor(key, ROSTER).decrypt(frame, binding(3))


@pytest.mark.parametrize("place", ["round", "layout", "selection", "count"])
def test_a_sum_of_another_context_is_refused(shared_key, place):
    data = aggregate(shared_key, np.ones((2, 4)))
    here = binding(4)
    changes = {"round": 2, "layout": bytes(32), "selection": bytes(32), "count": 3}
    there = type(here)(**vars(here) | {place: changes[place]})
    with pytest.raises(FrameError):
        Decryptor(shared_key, ROSTER).decrypt(data, there)


def test_a_damaged_sum_is_refused(shared_key):
    good = aggregate(shared_key, np.ones((2, 4)))
    opener = Decryptor(shared_key, ROSTER)
    for bad in (b"", good[:-1], good + b"\0", good[:-1] + bytes([good[-1] ^ 1]), good[:200]):
        with pytest.raises(FrameError):
            opener.decrypt(bad, binding(4))
    assert opener.decrypt(good, binding(4)).values.tolist() == [2] * 4


def test_a_sum_with_a_residue_beyond_the_prime_is_a_typed_error(key):
    body = b"\xff" * key.params.sum_bytes(41)
    with pytest.raises((FrameError, DecryptionError)):
        Decryptor(key, ROSTER).decrypt(signed_sum(key, body, 41), binding(41))


def test_one_round_is_opened_once_even_after_a_restart(shared_key, tmp_path):
    """Two sums that differ by one client would give that client's values by subtraction."""
    path = tmp_path / "opened.ledger"
    all_three = aggregate(shared_key, np.full((3, 2), 0.5))
    only_two = aggregate(shared_key, np.full((2, 2), 0.5))
    opener = Decryptor(shared_key, ROSTER, ledger=Ledger(path))
    assert opener.decrypt(all_three, binding(2)).values.tolist() == [1.5, 1.5]
    for ledger in (opener._ledger, Ledger(path)):
        again = Decryptor(shared_key, ROSTER, ledger=ledger)
        with pytest.raises(ReplayError, match="subtraction"):
            again.decrypt(only_two, binding(2))
        assert again.decrypt(all_three, binding(2)).values.tolist() == [1.5, 1.5]
    later = aggregate(shared_key, np.full((2, 2), 0.5), number=2)
    assert Decryptor(shared_key, ROSTER, ledger=Ledger(path)).decrypt(
        later, binding(2, 2)
    ).values.tolist() == [1, 1]


def test_without_a_ledger_of_its_own_a_decryptor_remembers_while_it_lives(shared_key):
    opener = Decryptor(shared_key, ROSTER)
    opener.decrypt(aggregate(shared_key, np.ones((3, 2))), binding(2))
    with pytest.raises(ReplayError):
        opener.decrypt(aggregate(shared_key, np.ones((2, 2))), binding(2))


def test_a_sum_encrypted_again_is_another_sum(shared_key):
    """Same clients, same values, new randomness: the difference would be zero, but nobody can know before."""
    opener = Decryptor(shared_key, ROSTER)
    opener.decrypt(aggregate(shared_key, np.ones((2, 2))), binding(2))
    with pytest.raises(ReplayError):
        opener.decrypt(aggregate(shared_key, np.ones((2, 2))), binding(2))


def test_a_round_whose_sum_was_spoilt_stays_used_up(shared_key):
    """It is recorded before it is decrypted, so that failing is no way to try another."""
    opener = Decryptor(shared_key, ROSTER)
    spoilt = signed_sum(shared_key, garbage(shared_key.params, 30, 4), 30)
    for _ in range(2):
        with pytest.raises(DecryptionError):
            opener.decrypt(spoilt, binding(30))
    with pytest.raises(ReplayError):
        opener.decrypt(aggregate(shared_key, np.ones((2, 30))), binding(30))


def test_a_key_holder_opens_what_public_keys_encrypted(holder_key):
    clients = [holder_key.public_key() for _ in range(3)]
    total = server(holder_key, 4)
    for client, public in zip(CLIENTS, clients, strict=False):
        total.add(upload(public, [1.0, -1.0, 0.5, 0.0], client))
    assert Decryptor(holder_key, ROSTER).decrypt(total.close(), binding(4)).values.tolist() == [3, -3, 1.5, 0]
    with pytest.raises((KeyRoleError, AttributeError)):
        Decryptor(clients[0], ROSTER).decrypt(total.close(), binding(4))
