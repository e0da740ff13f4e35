"""What a lying server may try: the client notices, leaves for good, and gives nothing away."""

from contextlib import suppress
from dataclasses import replace

import pytest

from gradveil.exchange import TooFewClientsError, WireError
from gradveil.parties import Identity
from secagg import (
    Adversary,
    Begin,
    Client,
    ClientSession,
    Closed,
    FixedPoint,
    Floors,
    OutOfOrderError,
    OverflowRefusedError,
    ProtocolError,
    TamperedError,
    TooFewSharesError,
    shamir,
)
from secagg.agreement import KeyPair
from secagg.authentication import sign_keys, sign_survivors
from secagg.bitmaps import from_bitmap, to_bitmap
from secagg.cohort import Cohort
from secagg.messages import (
    Advertise,
    Confirmations,
    Directory,
    EncryptedShares,
    Keys,
    RoutedShares,
    Survivors,
    UnmaskShares,
)
from tests.secagg.rounds import (
    MALICIOUS,
    MORE,
    NAMES,
    Round,
    config,
    contribution,
    enrolled,
    identity,
)

ADVERSARIES = pytest.mark.parametrize("adversary", list(Adversary), ids=str)
FIVE = MORE[:5]


def assert_left(session, *genuine):
    """Closed, and nothing that a server can say opens it again."""
    assert isinstance(session.state, Closed)
    for event in (Begin(), contribution("ann"), *genuine):
        with pytest.raises(OutOfOrderError, match="state Closed"):
            session.handle(event)


def refuse(run, payload, error, match, name="ann"):
    """The client raises and leaves, whatever the server has told it or tells it later."""
    session = run.clients[name]
    with pytest.raises(error, match=match):
        session.handle(payload)
    assert_left(session, payload, *(told[name] for told in run.told.values() if name in told))


class TestDirectory:
    def run(self, adversary=Adversary.SEMI_HONEST, names=NAMES, **changes):
        return Round(names, adversary=adversary, **changes).to("directory")

    def changed(self, run, **keys):
        """The true directory with other keys for some clients; None leaves a client out."""
        entries = dict(zip(run.directory.names, run.directory.keys, strict=True)) | keys
        names = tuple(sorted(name for name, each in entries.items() if each is not None))
        return Directory(run.config.header, names, tuple(entries[name] for name in names)).to_bytes()

    def keys(self, run, name):
        return dict(zip(run.directory.names, run.directory.keys, strict=True))[name]

    def fresh(self, run, name, signer=None, header=None):
        """Keys that the server made up, signed by whom it likes."""
        publics = KeyPair.generate().public, KeyPair.generate().public
        if not run.malicious:
            return Keys(*publics, b"")
        signed = sign_keys(signer or identity(name), header or run.config.header, *publics)
        return Keys(*publics, signed)

    @pytest.fixture(autouse=True)
    def before_any_share_is_out(self, monkeypatch):
        """No test of this class may get as far as sealing shares, but one."""
        self.sealed = []
        original = Client._seal
        monkeypatch.setattr(Client, "_seal", lambda *args: self.sealed.append(args) or original(*args))

    def refuse(self, run, payload, error, match):
        refuse(run, payload, error, match)
        assert not self.sealed

    @ADVERSARIES
    def test_one_key_for_two_clients(self, adversary):
        run = self.run(adversary)
        copied = self.keys(run, "bob")._replace(masking=self.keys(run, "cid").masking)
        self.refuse(run, self.changed(run, bob=copied), TamperedError, "repeats a public key")

    @ADVERSARIES
    def test_one_key_for_both_purposes(self, adversary):
        run = self.run(adversary)
        copied = self.keys(run, "bob")._replace(masking=self.keys(run, "bob").encryption)
        self.refuse(run, self.changed(run, bob=copied), TamperedError, "repeats a public key")

    @ADVERSARIES
    def test_own_keys_replaced(self, adversary):
        run = self.run(adversary)
        self.refuse(run, self.changed(run, ann=self.fresh(run, "ann")), TamperedError, "own keys")

    @ADVERSARIES
    def test_own_keys_left_out(self, adversary):
        run = self.run(adversary, FIVE, threshold=4)
        self.refuse(run, self.changed(run, ann=None), TamperedError, "own keys")

    @ADVERSARIES
    def test_the_same_session_twice(self, adversary):
        old, run = self.run(adversary), self.run(adversary)
        self.refuse(run, old.told["directory"]["ann"], TamperedError, "own keys")

    @ADVERSARIES
    @pytest.mark.parametrize(
        "change", [{"round": 4}, {"session": bytes(16)}, {"context": bytes(32)}], ids=str
    )
    def test_a_directory_of_another_round_session_or_model(self, adversary, change):
        old, run = self.run(adversary, **change), self.run(adversary)
        self.refuse(run, old.told["directory"]["ann"], ProtocolError, "start a new round")

    @pytest.mark.parametrize(
        "change", [{"threshold": 2}, {"neighbours": 2}, {"adversary": "semi-honest"}], ids=str
    )
    def test_another_configuration_than_agreed(self, change):
        run, other = self.run(MALICIOUS), config(**({"adversary": MALICIOUS} | change))
        payload = replace(run.directory, header=other.header).to_bytes()
        self.refuse(run, payload, ProtocolError, "start a new round")

    def test_swapped_keys_between_two_clients(self):
        run = self.run(MALICIOUS)
        swapped = {"bob": self.keys(run, "cid"), "cid": self.keys(run, "bob")}
        self.refuse(run, self.changed(run, **swapped), TamperedError, "'bob' are not its own")

    @pytest.mark.parametrize("signer", ["eve", "bob", "server"])
    def test_a_server_in_the_middle(self, signer):
        run = self.run(MALICIOUS)
        forged = self.fresh(run, "dan", identity(signer))
        self.refuse(run, self.changed(run, dan=forged), TamperedError, "'dan' are not its own")

    def test_keys_without_a_signature(self):
        run = self.run(MALICIOUS)
        bare = self.fresh(run, "dan")._replace(signature=bytes(64))
        self.refuse(run, self.changed(run, dan=bare), TamperedError, "'dan' are not its own")
        run = self.run(MALICIOUS)
        stripped = {name: self.keys(run, name)._replace(signature=b"") for name in NAMES}
        self.refuse(run, self.changed(run, **stripped), TamperedError, "own keys")

    @pytest.mark.parametrize(
        "change", [{"round": 4}, {"session": bytes(16)}, {"context": bytes(32)}], ids=str
    )
    def test_keys_that_were_signed_for_another_round(self, change):
        run = self.run(MALICIOUS)
        stale = self.fresh(run, "dan", header=config(adversary=MALICIOUS, **change).header)
        self.refuse(run, self.changed(run, dan=stale), TamperedError, "'dan' are not its own")

    def test_a_client_that_the_roster_does_not_list(self):
        run = self.run(MALICIOUS)
        payload = self.changed(run, dan=None, eve=self.fresh(run, "eve"))
        self.refuse(run, payload, TamperedError, "'eve' are not its own")

    @ADVERSARIES
    def test_a_point_of_low_order(self, adversary):
        run = self.run(adversary)
        keys = self.keys(run, "dan")._replace(encryption=bytes(32))
        if run.malicious:
            keys = keys._replace(signature=sign_keys(identity("dan"), run.config.header, *keys[:2]))
        with pytest.raises((TamperedError, WireError)):
            run.clients["ann"].handle(self.changed(run, dan=keys))

    @ADVERSARIES
    @pytest.mark.parametrize("left", [1, 2])
    def test_a_tiny_cohort(self, adversary, left):
        run = self.run(adversary, threshold=2, names=NAMES[:3])
        payload = self.changed(run, **dict.fromkeys(NAMES[left:3]))
        self.refuse(run, payload, TooFewClientsError, "not 3")

    @ADVERSARIES
    def test_fewer_clients_than_the_threshold(self, adversary):
        run = self.run(adversary, FIVE, threshold=4)
        payload = self.changed(run, dan=None, eva=None)
        self.refuse(run, payload, TooFewClientsError, "3 clients hold a secret, in shares, but 4 are")

    def test_so_many_clients_that_two_groups_could_answer(self):
        run = self.run(threshold=3, names=FIVE)
        payload = self.changed(run, fox=self.fresh(run, "fox"))
        self.refuse(run, payload, ProtocolError, "no majority")

    def test_more_clients_than_the_ring_holds(self):
        run = self.run(encoding=FixedPoint(2.0, 4, 100))
        payload = self.changed(run, eva=self.fresh(run, "eva"))
        self.refuse(run, payload, OverflowRefusedError, "max_clients")

    def test_too_many_clients_for_a_message(self):
        run = self.run()
        names = [f"{number:05d}" for number in range(4097)]
        payload = Directory(run.config.header, tuple(names), (self.keys(run, "ann"),) * 4097).to_bytes()
        with pytest.raises(WireError, match="split the cohort"):
            run.clients["ann"].handle(payload)

    @pytest.mark.parametrize(
        ("floors", "changes", "error", "match"),
        [
            (Floors(min_clients=5), {}, TooFewClientsError, "4 clients, not 5"),
            (Floors(min_threshold=4), {}, ProtocolError, "threshold 3 is below 4"),
            (
                Floors(min_neighbours=4),
                {"neighbours": 2, "threshold": 2},
                TooFewClientsError,
                "2 clients hold",
            ),
            (Floors(), {"threshold": 1, "neighbours": 2}, ProtocolError, "threshold 1 is below 2"),
            (Floors(), {"threshold": 1}, ProtocolError, "threshold 1 is below 2"),
            (Floors(), {"threshold": 2}, ProtocolError, "no majority"),
        ],
        ids=str,
    )
    @ADVERSARIES
    def test_floors(self, adversary, floors, changes, error, match):
        # The server of this round is without scruples: it hands out what its clients sent.
        changed = config(**({"adversary": adversary} | changes))
        malicious = adversary is MALICIOUS
        roster = enrolled(NAMES) if malicious else None
        signers = {name: identity(name) if malicious else None for name in NAMES}
        clients = {
            name: ClientSession(Client(name, changed, floors, identity=signers[name], roster=roster))
            for name in NAMES
        }
        size = -64 if malicious else None
        keys = {name: session.handle(Begin())[0].payload[:size] for name, session in clients.items()}
        found = [Advertise.from_bytes(keys[name], changed.header).keys for name in NAMES]
        directory = Directory(changed.header, NAMES, tuple(found)).to_bytes()
        with pytest.raises(error, match=match):
            clients["ann"].handle(directory)
        assert_left(clients["ann"], directory)
        assert not self.sealed


class TestContext:
    """Pasquini et al. 2022: a server that hands out different models learns nothing from the sum."""

    def test_a_server_that_rewrites_headers_gets_masks_that_do_not_cancel(self):
        mine, theirs = config(), config(context=bytes(32))
        sessions = {name: ClientSession(Client(name, theirs if name == "ann" else mine)) for name in NAMES}
        keys = {}
        for name, session in sessions.items():
            (sent,) = session.handle(Begin())
            keys[name] = Advertise.from_bytes(sent.payload, session.client.config.header).keys
        directories = {
            each.header: Directory(each.header, NAMES, tuple(keys[name] for name in NAMES))
            for each in (mine, theirs)
        }
        headers = {each.header: Cohort(each, directories[each.header]).header for each in (mine, theirs)}
        shares = {}
        for name, session in sessions.items():
            header = session.client.config.header
            (sent,) = session.handle(directories[header].to_bytes())
            shares[name] = EncryptedShares.from_bytes(sent.payload, headers[header]).sealed
        everybody = to_bitmap(NAMES[:3], NAMES[:3])
        for name, session in sessions.items():
            peers = [peer for peer in NAMES if peer != name]
            sealed = tuple(shares[peer][[p for p in NAMES if p != peer].index(name)] for peer in peers)
            header = headers[session.client.config.header]
            session.handle(RoutedShares(header, name, everybody, sealed).to_bytes())
        # Nobody else can open a share of ann's, nor ann one of theirs: her masks stay on.
        assert all(sessions["ann"].state.shares[peer] is None for peer in NAMES[1:])
        assert all(sessions[peer].state.shares["ann"] is None for peer in NAMES[1:])


class TestRouted:
    def refuse(self, adversary, change, error, match, names=NAMES, **changes):
        run = Round(names, adversary=adversary, **changes).to("routed")
        packet = change(RoutedShares.from_bytes(run.told["routed"]["ann"], run.header))
        refuse(run, packet.to_bytes(), error, match)

    @ADVERSARIES
    def test_shares_of_another_receiver(self, adversary):
        self.refuse(adversary, lambda packet: replace(packet, client="bob"), ProtocolError, "another client")

    @ADVERSARIES
    def test_more_ciphertexts_than_senders(self, adversary):
        def add(packet):
            return replace(packet, sealed=(*packet.sealed, bytes(94)))

        self.refuse(adversary, add, ProtocolError, "of strangers")

    @ADVERSARIES
    def test_shares_of_a_stranger(self, adversary):
        run = Round(adversary=adversary).to("routed")
        packet = RoutedShares.from_bytes(run.told["routed"]["ann"], run.header)
        stranger = replace(packet, senders=bytes([0b1111]), sealed=(*packet.sealed, bytes(94)))
        with pytest.raises(WireError, match="clients that do not exist"):
            run.clients["ann"].handle(stranger.to_bytes())

    @ADVERSARIES
    def test_too_few_senders_on_the_complete_graph(self, adversary):
        def cut(packet):
            return replace(packet, senders=bytes([0b1]), sealed=packet.sealed[:1])

        self.refuse(adversary, cut, TooFewClientsError, "2 clients, not 3")

    def test_fewer_holders_than_the_threshold(self):
        def cut(packet):
            return replace(packet, senders=bytes([0b11]), sealed=packet.sealed[:2])

        self.refuse(Adversary.SEMI_HONEST, cut, ProtocolError, "3 clients hold shares, 4", FIVE, threshold=4)

    def test_too_few_neighbours_on_a_sparse_graph(self):
        def cut(packet):
            return replace(packet, senders=bytes([0b11]), sealed=packet.sealed[:2])

        sparse = {"names": MORE[:8], "neighbours": 4}
        self.refuse(Adversary.SEMI_HONEST, cut, ProtocolError, "2 clients hold shares, 3 needed", **sparse)

    def test_shares_of_another_round_do_not_open(self):
        old, run = Round().to("routed"), Round().to("routed")
        packet = RoutedShares.from_bytes(run.told["routed"]["ann"], run.header)
        stale = RoutedShares.from_bytes(old.told["routed"]["ann"], old.header).sealed
        run.clients["ann"].handle(replace(packet, sealed=stale).to_bytes())
        assert [run.clients["ann"].state.shares[peer] for peer in NAMES[1:]] == [None] * 3


def survivors(run, *names):
    return Survivors(run.header, to_bitmap(names, run.directory.names)).to_bytes()


@ADVERSARIES
class TestSurvivors:
    def refuse(self, adversary, alive, error, match):
        run = Round(FIVE, adversary=adversary).to("survivors")
        refuse(run, survivors(run, *alive), error, match)

    def test_this_client_is_not_in_the_sum(self, adversary):
        self.refuse(adversary, FIVE[1:], ProtocolError, "lack this client")

    def test_a_sum_of_two(self, adversary):
        self.refuse(adversary, FIVE[:2], TooFewClientsError, "2 clients, not 3")

    def test_a_sum_below_the_threshold(self, adversary):
        run = Round(FIVE, adversary=adversary, threshold=4).to("survivors")
        refuse(run, survivors(run, *FIVE[:3]), TooFewClientsError, "too few holders")

    def test_a_client_that_never_shared_keys(self, adversary):
        run = Round(FIVE, {"shares": {"eva"}}, adversary=adversary).to("survivors")
        refuse(run, survivors(run, *FIVE), ProtocolError, "hold a stranger")

    def test_a_second_list(self, adversary):
        run = Round(FIVE, adversary=adversary).to("survivors")
        run.clients["ann"].handle(survivors(run, *FIVE))
        for second in (survivors(run, *FIVE[:4]), survivors(run, *FIVE)):
            with pytest.raises(OutOfOrderError, match="keep the order"):
                run.clients["ann"].handle(second)

    def test_one_share_of_each_client_and_never_both(self, adversary):
        run = Round(FIVE, {"vectors": {"bob"}}, adversary=adversary).to("survivors")
        held = dict(run.clients["ann"].state.shares)
        run.to("answers")
        answer = UnmaskShares.from_bytes(run.bare("answers", "ann"), run.header)
        owners = from_bitmap(answer.owners, run.directory.names)
        given = dict(zip(owners, answer.shares, strict=True))
        assert given == {name: pair.mask_key if name == "bob" else pair.seed for name, pair in held.items()}

    def test_a_victim_dead_to_some_and_alive_to_others_keeps_one_secret(self, adversary):
        run = Round(FIVE, adversary=adversary, threshold=4).to("survivors")
        without, whole = survivors(run, *FIVE[1:]), survivors(run, *FIVE)
        told = dict(zip(FIVE, [whole, without, without, whole, whole], strict=True))
        sent = {name: run.clients[name].handle(told[name])[0].payload for name in FIVE}
        if run.malicious:
            return
        for chosen in (("bob", "cid"), ("ann", "dan", "eva")):
            shares = []
            for name in chosen:
                answer = UnmaskShares.from_bytes(sent[name], run.header)
                owners = from_bitmap(answer.owners, FIVE)
                shares.append((run.server.state.cohort.point(name), answer.shares[owners.index("ann")]))
            with pytest.raises(TooFewSharesError):
                shamir.combine(shares, run.config.threshold)


class TestConfirmations:
    """The consistency check of Bonawitz et al. 2017, Figure 4, round 3."""

    def run(self, **changes):
        return Round(FIVE, adversary=MALICIOUS, threshold=4, **changes).to("confirmed")

    def refuse(self, change, error, match):
        run = self.run()
        message = Confirmations.from_bytes(run.told["confirmed"]["ann"], run.header)
        refuse(run, change(run, message).to_bytes(), error, match)

    def test_different_survivors_to_different_clients(self):
        run = Round(FIVE, adversary=MALICIOUS, threshold=4).to("survivors")
        without, whole = survivors(run, *FIVE[:4]), survivors(run, *FIVE)
        for name in FIVE:
            told = without if name in ("bob", "cid") else whole
            run.sent.setdefault("confirmations", {})[name] = run.clients[name].handle(told)[0].payload
        confirmed = run.deliver("confirmations")
        for name in FIVE:
            with pytest.raises(TamperedError, match="told of other survivors"):
                run.clients[name].handle(confirmed[name])
            assert_left(run.clients[name], confirmed[name])

    def test_a_majority_for_one_list_is_too_small_for_both(self):
        run = Round(FIVE, adversary=MALICIOUS, threshold=4).to("survivors")
        bitmaps = {name: to_bitmap(FIVE[:4] if name in ("bob", "cid") else FIVE, FIVE) for name in FIVE}
        signed = {}
        for name, bitmap in bitmaps.items():
            run.clients[name].handle(Survivors(run.header, bitmap).to_bytes())
            signed[name] = sign_survivors(identity(name), run.header, bitmap)
        for name in FIVE:
            same = [other for other in FIVE if bitmaps[other] == bitmaps[name]]
            chosen = tuple(signed[other] for other in same)
            message = Confirmations(run.header, name, to_bitmap(same, FIVE), chosen).to_bytes()
            with pytest.raises(ProtocolError, match="confirmations, 4 needed"):
                run.clients[name].handle(message)
            assert_left(run.clients[name], message)

    @pytest.mark.parametrize("count", [0, 1, 3])
    def test_too_few(self, count):
        def cut(_, message):
            return replace(
                message, signers=to_bitmap(FIVE[:count], FIVE), signatures=message.signatures[:count]
            )

        self.refuse(cut, ProtocolError, f"{count} confirmations, 4 needed")

    def test_those_of_another_client(self):
        self.refuse(lambda _, message: replace(message, client="bob"), ProtocolError, "another client")

    def test_more_signatures_than_signers(self):
        def add(_, message):
            return replace(message, signatures=(*message.signatures, bytes(64)))

        self.refuse(add, ProtocolError, "of strangers")

    @pytest.mark.parametrize("signer", ["ann", "eve", "server"])
    def test_signed_by_somebody_else(self, signer):
        def forge(run, message):
            forged = sign_survivors(identity(signer), run.header, to_bitmap(FIVE, FIVE))
            return replace(message, signatures=(*message.signatures[:-1], forged))

        self.refuse(forge, TamperedError, "'eva' was told of other survivors")

    def test_not_signed(self):
        def forge(_, message):
            return replace(message, signatures=(bytes(64), *message.signatures[1:]))

        self.refuse(forge, TamperedError, "'ann' was told of other survivors")

    def test_one_signature_for_all(self):
        def repeat(_, message):
            return replace(message, signatures=message.signatures[:1] * 5)

        self.refuse(repeat, TamperedError, "'bob' was told of other survivors")

    @pytest.mark.parametrize(
        "change", [{"round": 4}, {"session": bytes(16)}, {"context": bytes(32)}, {}], ids=str
    )
    def test_those_of_another_round(self, change):
        old = self.run(**change)
        stale = Confirmations.from_bytes(old.told["confirmed"]["ann"], old.header)
        self.refuse(
            lambda _, message: replace(message, signatures=stale.signatures), TamperedError, "told of"
        )

    def test_a_key_signature_is_no_confirmation(self):
        def swap(run, message):
            return replace(message, signatures=tuple(keys.signature for keys in run.directory.keys))

        self.refuse(swap, TamperedError, "told of other survivors")

    def test_none_at_all(self):
        run = Round(FIVE, adversary=MALICIOUS, threshold=4).to("confirmations")
        for name in FIVE:
            with pytest.raises(OutOfOrderError):
                run.clients[name].handle(run.told["survivors"][name])


@ADVERSARIES
@pytest.mark.parametrize("first", [4, 3])
@pytest.mark.parametrize("second", [4, 3])
def test_of_two_lists_one_is_answered(adversary, first, second):
    run, given = Round(adversary=adversary).to("survivors"), []
    for count in (first, second):
        with suppress(OutOfOrderError):
            given += run.clients["ann"].handle(survivors(run, *NAMES[:count]))
    assert len(given) == 1


@pytest.mark.parametrize(
    ("signer", "listed"),
    [(None, True), (True, None), ("bob", True), (True, ("bob", "cid", "dan"))],
    ids=["no identity", "no roster", "another's identity", "not listed"],
)
def test_a_malicious_server_needs_an_enrolled_identity(signer, listed):
    roster = None if listed is None else enrolled(NAMES if listed is True else listed)
    own = None if signer is None else identity("ann" if signer is True else signer)
    with pytest.raises(ProtocolError, match="roster"):
        Client("ann", config(adversary=MALICIOUS), identity=own, roster=roster)


def test_a_fresh_key_in_the_name_of_an_enrolled_client_is_refused():
    with pytest.raises(ProtocolError, match="does not list"):
        Client("ann", config(adversary=MALICIOUS), identity=Identity.generate("ann"), roster=enrolled(NAMES))


def test_an_identity_where_nothing_is_signed_is_refused():
    roster, own = enrolled(NAMES), identity("ann")
    for given in ({"identity": own}, {"roster": roster}, {"identity": own, "roster": roster}):
        with pytest.raises(ProtocolError):
            Client("ann", config(), **given)
