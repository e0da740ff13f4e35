"""What a lying server may try with rosters, shares and dead lists; the client refuses and closes."""

from dataclasses import replace

import pytest

from gradveil.exchange import TooFewClientsError, WireError
from secagg import (
    Client,
    FixedPoint,
    Floors,
    OverflowRefusedError,
    ProtocolError,
    TamperedError,
    TooFewSharesError,
    shamir,
)
from secagg.messages import Advertise, DeadList, EncryptedShares, Roster, RoutedShares, UnmaskShares
from tests.secagg.rounds import NAMES, Round, config, vector

BEFORE = config().header


def roster_of(run, change=lambda entries: entries):
    """The true roster, changed by a lying server."""
    return Roster(BEFORE, tuple(change(list(Roster.from_bytes(run.roster, BEFORE).entries)))).to_bytes()


def header_of(run):
    return Roster.from_bytes(run.roster, BEFORE).header_after


def dead_list(run, *dead):
    return DeadList(header_of(run), dead).to_bytes()


class TestRoster:
    def refuse(self, run, payload, error, match):
        with pytest.raises(error, match=match):
            run.clients["ann"].share_keys(payload)
        with pytest.raises(ProtocolError, match="not Closed"):
            run.clients["ann"].share_keys(run.roster)

    def test_one_key_for_two_clients(self):
        run = Round().rostered()
        payload = roster_of(run, lambda e: [*e[:2], replace(e[2], mask_key=e[1].mask_key), e[3]])
        self.refuse(run, payload, TamperedError, "repeats a public key")

    def test_one_key_for_both_purposes(self):
        run = Round().rostered()
        payload = roster_of(run, lambda e: [*e[:3], replace(e[3], mask_key=e[3].encryption_key)])
        self.refuse(run, payload, TamperedError, "repeats a public key")

    def test_own_key_replaced(self):
        run, other = Round().rostered(), Round().rostered()
        stolen = Roster.from_bytes(other.roster, BEFORE)["ann"]
        self.refuse(run, roster_of(run, lambda e: [stolen, *e[1:]]), TamperedError, "own keys")

    def test_own_entry_left_out(self):
        run = Round().rostered()
        self.refuse(run, roster_of(run, lambda e: e[1:]), TamperedError, "own keys")

    def test_point_of_low_order(self):
        run = Round().rostered()
        payload = roster_of(run, lambda e: [*e[:3], replace(e[3], encryption_key=bytes(32))])
        self.refuse(run, payload, TamperedError, "unusable")

    def test_fewer_clients_than_the_threshold(self):
        run = Round().rostered()
        self.refuse(run, roster_of(run, lambda e: e[:2]), TooFewClientsError, "3 needed")

    def test_so_many_clients_that_two_groups_could_answer(self):
        run = Round(names=("ann", "bob", "cid", "dan", "eva")).rostered()
        twice = Advertise(BEFORE, "fox", bytes([1, *bytes(31)]), bytes([2, *bytes(31)]))
        self.refuse(run, roster_of(run, lambda e: [*e, twice]), ProtocolError, "no majority")

    def test_more_clients_than_the_ring_holds(self):
        run = Round(encoding=FixedPoint(2.0, 3, 100))
        client = run.clients["ann"]
        own = Advertise.from_bytes(client.advertise(), run.config.header)
        others = [
            replace(own, client=name, mask_key=bytes([9, *bytes(31)])) for name in ("bob", "cid", "dan")
        ]
        with pytest.raises(OverflowRefusedError, match="max_clients"):
            client.share_keys(Roster(run.config.header, (own, *others)).to_bytes())

    def test_local_floor(self):
        run = Round().advertised()
        client = Client("eva", run.config, Floors(min_clients=6))
        keys = [*run.keys.values(), client.advertise()]
        roster = Roster(BEFORE, tuple(Advertise.from_bytes(key, BEFORE) for key in keys))
        with pytest.raises(TooFewClientsError, match="6 needed"):
            client.share_keys(roster.to_bytes())


class TestContext:
    """Pasquini et al. 2022: a server that hands out different models learns nothing from the sum."""

    def test_another_model_is_noticed_at_once(self):
        run = Round().rostered()
        other = Client("ann", config(context=bytes(32)))
        other.advertise()
        with pytest.raises(ProtocolError, match="configuration or roster"):
            other.share_keys(run.roster)

    def test_a_server_that_rewrites_headers_cannot_route_shares(self):
        mine, theirs = config(), config(context=bytes(32))
        clients = {name: Client(name, theirs if name == "ann" else mine) for name in NAMES}
        entries = {}
        for name, client in clients.items():
            header = theirs.header if name == "ann" else mine.header
            entries[name] = Advertise.from_bytes(client.advertise(), header)
        rosters = {
            place.header: Roster(place.header, tuple(replace(entries[n], header=place.header) for n in NAMES))
            for place in (mine, theirs)
        }
        shares = {n: c.share_keys(rosters[c._config.header].to_bytes()) for n, c in clients.items()}
        header = rosters[theirs.header].header_after
        sealed = tuple((name, rewrite_sealed(shares[name], rosters[mine.header])) for name in NAMES[1:])
        with pytest.raises(TamperedError, match="do not open"):
            clients["ann"].receive_shares(RoutedShares(header, "ann", sealed).to_bytes())


def rewrite_sealed(payload, roster):
    return dict(EncryptedShares.from_bytes(payload, roster.header_after).sealed)["ann"]


class TestRouted:
    def refuse(self, change, error, match):
        run = Round().routed()
        packet = change(RoutedShares.from_bytes(run.packets["ann"], header_of(run)))
        with pytest.raises(error, match=match):
            run.clients["ann"].receive_shares(packet.to_bytes())
        with pytest.raises(ProtocolError, match="not Closed"):
            run.clients["ann"].receive_shares(run.packets["ann"])

    def test_shares_of_another_receiver(self):
        self.refuse(lambda packet: replace(packet, client="bob"), ProtocolError, "another client")

    def test_a_stranger(self):
        body = b"x" * 94
        self.refuse(lambda p: replace(p, sealed=(*p.sealed, ("eve", body))), ProtocolError, "stranger")

    def test_own_shares_returned(self):
        body = b"x" * 94
        self.refuse(lambda p: replace(p, sealed=(("ann", body), *p.sealed)), ProtocolError, "stranger")

    def test_too_few_senders(self):
        self.refuse(lambda p: replace(p, sealed=p.sealed[:1]), TooFewClientsError, "3 needed")

    def test_two_senders_swapped(self):
        def swap(packet):
            (one, first), (two, second), *rest = packet.sealed
            return replace(packet, sealed=((one, second), (two, first), *rest))

        self.refuse(swap, TamperedError, "do not open")

    def test_shares_of_another_round(self):
        other = Round().routed()
        stale = RoutedShares.from_bytes(other.packets["ann"], header_of(other)).sealed
        self.refuse(lambda p: replace(p, sealed=stale), TamperedError, "do not open")


class TestUnmask:
    def refuse(self, dead, error, match):
        run = Round(names=("ann", "bob", "cid", "dan", "eva")).masked()
        with pytest.raises(error, match=match):
            run.clients["ann"].unmask(dead_list(run, *dead))
        with pytest.raises(ProtocolError, match="not Closed"):
            run.clients["ann"].unmask(dead_list(run))

    def test_this_client_declared_dead(self):
        self.refuse(["ann"], ProtocolError, "names this client")

    def test_a_stranger_declared_dead(self):
        self.refuse(["eve"], ProtocolError, "stranger")

    def test_more_dead_than_the_threshold_allows(self):
        self.refuse(["bob", "cid", "dan"], TooFewClientsError, "3 needed")

    def test_a_client_that_never_shared_keys_declared_dead(self):
        run = Round().shared()
        for name in ("ann", "bob", "cid"):
            run.server.receive_shares(run.shares[name])
        run.clients["ann"].receive_shares(run.server.close_shares()["ann"])
        run.clients["ann"].mask(vector("ann"), 1)
        with pytest.raises(ProtocolError, match="stranger"):
            run.clients["ann"].unmask(dead_list(run, "dan"))

    def test_one_victim_listed_twice(self):
        run = Round().masked()
        with pytest.raises(WireError, match="repeated"):
            run.clients["ann"].unmask(dead_list(run, "bob", "bob"))

    def test_a_second_question(self):
        run = Round().masked()
        run.clients["ann"].unmask(dead_list(run))
        with pytest.raises(ProtocolError, match="not Closed"):
            run.clients["ann"].unmask(dead_list(run, "bob"))

    def test_a_victim_dead_to_some_and_alive_to_others_keeps_one_secret(self):
        run = Round().masked()
        told_dead = [run.clients[n].unmask(dead_list(run, "ann")) for n in ("bob", "cid")]
        told_alive = [run.clients[n].unmask(dead_list(run)) for n in ("ann", "dan")]
        for answers in (told_dead, told_alive):
            shares = [dict(UnmaskShares.from_bytes(a, header_of(run)).shares)["ann"] for a in answers]
            with pytest.raises(TooFewSharesError):
                shamir.combine(list(enumerate(shares, start=1)), run.config.threshold)

    def test_one_share_of_each_client(self):
        run = Round().masked()
        held = dict(run.clients["ann"]._state.shares)
        answer = UnmaskShares.from_bytes(run.clients["ann"].unmask(dead_list(run, "bob")), header_of(run))
        expected = {name: pair.mask_key if name == "bob" else pair.seed for name, pair in held.items()}
        assert dict(answer.shares) == expected
