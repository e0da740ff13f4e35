import pytest

from gradveil.exchange import wire
from gradveil.exchange.errors import GradveilError, WireError
from gradveil.parties.errors import KeyRoleError, RosterError, SignatureError
from gradveil.parties.identity import Identity
from gradveil.parties.roster import MAX_CLIENTS, Roster
from tests.he.frames_under_attack import ANN, BOB, SERVER

PRIME = 2**255 - 19
ORDER_8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
IDENTITY_POINT = bytes([1]) + bytes(31)
MESSAGE = b"message"
CONTEXT = b"test v1\0"


@pytest.fixture
def roster():
    return Roster.of([BOB, ANN], SERVER)


def packed(clients, server="server", key=SERVER.public_bytes):
    return wire.pack("roster", 1, [clients, server, key])


def pair(identity):
    return [identity.name, identity.public_bytes]


def test_roster_survives_bytes(roster):
    again = Roster.from_bytes(roster.to_bytes())
    assert (dict(again.clients), again.server) == (dict(roster.clients), roster.server)
    assert (again.to_bytes(), again.hash) == (roster.to_bytes(), roster.hash)
    assert len(roster.hash) == 32


def test_order_of_enrolment_does_not_matter(roster):
    assert Roster.of([ANN, BOB], SERVER).hash == roster.hash
    assert list(roster.clients) == ["ann", "bob"]


def test_hash_depends_on_every_party(roster):
    eve = Identity.generate("bob")
    others = [
        Roster.of([ANN], SERVER),
        Roster.of([ANN, eve], SERVER),
        Roster.of([ANN, BOB], Identity.generate("server")),
    ]
    assert len({roster.hash, *(other.hash for other in others)}) == 4


def test_a_roster_does_not_change_afterwards(roster):
    source = {"ann": ANN.public_bytes}
    made = Roster(source, (SERVER.name, SERVER.public_bytes))
    source["eve"] = BOB.public_bytes
    assert list(made.clients) == ["ann"]
    with pytest.raises(TypeError):
        roster.clients["eve"] = ANN.public_bytes


def test_signatures_of_the_named_party_pass(roster):
    roster.verify_client("ann", ANN.sign(MESSAGE, CONTEXT), MESSAGE, CONTEXT)
    roster.verify_server("server", SERVER.sign(MESSAGE, CONTEXT), MESSAGE, CONTEXT)


@pytest.mark.parametrize("size", [0, 63, 65])
def test_signatures_of_another_length_are_refused(roster, size):
    with pytest.raises(SignatureError, match="not that of 'ann'"):
        roster.verify_client("ann", bytes(size), MESSAGE, CONTEXT)


@pytest.mark.parametrize("signer", [BOB, SERVER])
def test_another_partys_signature_is_refused(roster, signer):
    with pytest.raises(SignatureError, match="not that of 'ann'"):
        roster.verify_client("ann", signer.sign(MESSAGE, CONTEXT), MESSAGE, CONTEXT)


def test_another_message_is_refused(roster):
    with pytest.raises(SignatureError, match="not that of 'ann'"):
        roster.verify_client("ann", ANN.sign(MESSAGE, CONTEXT), MESSAGE + b"\0", CONTEXT)


def test_every_flipped_bit_of_a_signature_is_refused(roster):
    signature = ANN.sign(MESSAGE, CONTEXT)
    for bit in range(512):
        damaged = (int.from_bytes(signature, "little") ^ 1 << bit).to_bytes(64, "little")
        with pytest.raises(SignatureError):
            roster.verify_client("ann", damaged, MESSAGE, CONTEXT)


def test_roles_do_not_mix(roster):
    with pytest.raises(SignatureError, match="no client"):
        roster.verify_client("server", SERVER.sign(MESSAGE, CONTEXT), MESSAGE, CONTEXT)
    with pytest.raises(SignatureError, match="not the server"):
        roster.verify_server("ann", ANN.sign(MESSAGE, CONTEXT), MESSAGE, CONTEXT)
    with pytest.raises(SignatureError, match="not that of 'server'"):
        roster.verify_server("server", ANN.sign(MESSAGE, CONTEXT), MESSAGE, CONTEXT)


def test_a_key_that_is_no_point_verifies_nothing():
    roster = Roster({"ann": bytes([2]) + bytes(31)}, (SERVER.name, SERVER.public_bytes))
    with pytest.raises(SignatureError):
        roster.verify_client("ann", ANN.sign(MESSAGE, CONTEXT), MESSAGE, CONTEXT)


@pytest.mark.parametrize("server", [Identity.generate("ann"), Identity.generate("bob")])
def test_one_name_for_two_parties_is_refused(server):
    with pytest.raises(KeyRoleError, match="one name"):
        Roster.of([ANN, BOB], server)


def test_repeated_clients_are_refused():
    with pytest.raises(KeyRoleError, match="one name"):
        Roster.of([ANN, ANN], SERVER)


def test_one_key_for_two_parties_is_refused():
    for taken in (ANN, SERVER):
        twin = Identity.from_private_bytes("twin", taken.private_bytes())
        with pytest.raises(KeyRoleError, match="one key"):
            Roster.of([ANN, twin], SERVER)


@pytest.mark.parametrize("count", [0, MAX_CLIENTS + 1])
def test_the_number_of_clients_is_bounded(count):
    clients = {str(index): ANN.public_bytes for index in range(count)}
    with pytest.raises(RosterError, match=f"{count} clients"):
        Roster(clients, (SERVER.name, SERVER.public_bytes))


def test_the_largest_roster_survives_bytes():
    # One character of four bytes 199 times, and a key that no party needs to have generated.
    keys = (bytes([3]) + index.to_bytes(30, "little") + bytes(1) for index in range(MAX_CLIENTS))
    clients = {chr(0x20000 + index) + "\U00020000" * 199: key for index, key in enumerate(keys)}
    largest = Roster(clients, (SERVER.name, SERVER.public_bytes))
    assert Roster.from_bytes(largest.to_bytes()).hash == largest.hash


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33)])
def test_keys_of_another_length_are_refused(key):
    with pytest.raises(WireError, match="not 32 bytes"):
        Roster({"ann": key}, (SERVER.name, SERVER.public_bytes))


def heights():
    low = int.from_bytes(ORDER_8, "little")
    return (0, 1, PRIME - 1, low, PRIME - low, PRIME, PRIME + 1, 2**255 - 1)


@pytest.mark.parametrize("sign", [0, 2**255])
@pytest.mark.parametrize("height", heights())
def test_points_of_small_order_and_second_spellings_are_refused(height, sign):
    key = (height + sign).to_bytes(32, "little")
    for clients, server in (({"ann": key}, SERVER.public_bytes), ({"ann": ANN.public_bytes}, key)):
        with pytest.raises(WireError, match="not one that can be generated"):
            Roster(clients, ("server", server))


def test_a_point_of_small_order_would_verify_what_nobody_signed(roster):
    """Why they are refused: without that check this signature is good for every message."""
    object.__setattr__(roster, "clients", {"ann": IDENTITY_POINT})
    roster.verify_client("ann", IDENTITY_POINT + bytes(32), b"any message", CONTEXT)


@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb"])
def test_impossible_names_are_refused(name):
    for clients, server in (({name: ANN.public_bytes}, "server"), ({"ann": ANN.public_bytes}, name)):
        with pytest.raises(WireError, match="rename it"):
            Roster(clients, (server, SERVER.public_bytes))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (packed([pair(BOB), pair(ANN)]), "unordered"),
        (packed([pair(ANN), pair(ANN)]), "repeated"),
        (packed([["ann"]]), "a client is not"),
        (packed([["ann", "key"]]), "a client is not"),
        (packed(["ann"]), "a client is not"),
        (packed([pair(ANN)], server=b"server"), "field 1"),
        (packed([pair(ANN)]) + b"\0", "trailing"),
        (bytes(4_000_000), "exceed"),
    ],
    ids=["unordered", "repeated", "short", "text key", "no pair", "bytes name", "trailing", "huge"],
)
def test_malformed_bytes_are_refused(data, reason):
    with pytest.raises(WireError, match=reason):
        Roster.from_bytes(data)


def test_damaged_bytes_never_give_the_same_roster(roster):
    data = roster.to_bytes()
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 1
        try:
            assert Roster.from_bytes(bytes(damaged)).hash != roster.hash
        except GradveilError:
            continue
    for end in range(len(data)):
        with pytest.raises(WireError):
            Roster.from_bytes(data[:end])
