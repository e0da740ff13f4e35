"""What a lying client may try: the server drops or corrects it, or ends the round and names it."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from gradveil.exchange import GradveilError, InvalidUpdateError, WireError
from gradveil.parties import SignatureError
from secagg import (
    SERVER,
    Adversary,
    Begin,
    Closed,
    Contribute,
    Deadline,
    Done,
    OverflowRefusedError,
    ProtocolError,
    Server,
    TamperedError,
    shamir,
)
from secagg.authentication import seal_message, sign_keys
from secagg.bitmaps import from_bitmap, to_bitmap
from secagg.client import Client
from secagg.messages import Abort, Advertise, EncryptedShares, MaskedInput, UnmaskShares
from secagg.packing import pack, unpack
from secagg.sealing import SharePair
from tests.secagg.rounds import (
    ENCODING,
    LENGTH,
    MALICIOUS,
    MORE,
    NAMES,
    Round,
    assert_exact,
    config,
    identity,
    phases_of,
    saved,
    vector,
)

ADVERSARIES = pytest.mark.parametrize("adversary", list(Adversary), ids=str)
PHASES = pytest.mark.parametrize("phase", phases_of(MALICIOUS))
SPOKEN = pytest.mark.parametrize(
    ("adversary", "phase"), [(adversary, phase) for adversary in Adversary for phase in phases_of(adversary)]
)
SIX, NINE = MORE[:6], MORE[:9]


def until(phase, adversary=MALICIOUS, **changes):
    """A round whose clients have just said this."""
    return Round(adversary=adversary, **changes).to(phase)


def assert_refused(run, payload, error, match=None):
    """The server raises and is in the state it was in."""
    before = saved(run.server)
    with pytest.raises(error, match=match):
        run.server.handle(payload)
    assert saved(run.server) == before


def hear(run, step, **changed):
    """The server hears these messages in place of those that were sent, and the round goes on."""
    run.sent[step] |= changed
    run.to("done")
    return run.server.state


class TestIdentity:
    @PHASES
    def test_an_unsigned_message(self, phase):
        run = until(phase)
        assert_refused(run, run.bare(phase, "ann") + bytes(64), SignatureError, "not that of 'ann'")

    @PHASES
    def test_no_room_for_a_signature(self, phase):
        run = until(phase)
        assert_refused(run, run.bare(phase, "ann"), WireError, "damaged")
        assert_refused(run, run.bare(phase, "ann")[:64], WireError, "without its signature")

    @PHASES
    @pytest.mark.parametrize("signer", ["bob", "eve", "server"])
    def test_signed_by_somebody_else(self, phase, signer):
        run = until(phase)
        forged = seal_message(identity(signer), run.bare(phase, "ann"))
        assert_refused(run, forged, SignatureError, "not that of 'ann'")

    @PHASES
    def test_a_signature_of_another_message(self, phase):
        run = until(phase)
        forged = run.bare(phase, "ann") + run.sent[phase]["bob"][-64:]
        assert_refused(run, forged, SignatureError, "not that of 'ann'")

    def test_a_name_that_is_not_enrolled(self):
        run = until("keys")
        message = replace(Advertise.from_bytes(run.bare("keys", "ann"), run.config.header), client="eve")
        assert_refused(run, run.signed("eve", message), SignatureError, "'eve' is no client of the roster")

    def test_keys_that_somebody_else_signed(self):
        run = until("keys")
        message = Advertise.from_bytes(run.bare("keys", "ann"), run.config.header)
        stolen = message.keys._replace(
            signature=sign_keys(identity("bob"), run.config.header, *message.keys[:2])
        )
        assert_refused(
            run, run.signed("ann", replace(message, keys=stolen)), TamperedError, "'ann' are not its own"
        )

    def test_the_round_goes_on_without_whoever_is_forged(self):
        run = until("vectors")
        forged = run.bare("vectors", "dan") + bytes(64)
        with pytest.raises(SignatureError):
            run.server.handle(forged)
        del run.sent["vectors"]["dan"]
        hear(run, "vectors")
        assert_exact(run.server.state.aggregate, NAMES[:3])


class TestMessages:
    @SPOKEN
    def test_a_duplicate(self, adversary, phase):
        run = until(phase, adversary)
        run.server.handle(run.sent[phase]["ann"])
        assert_refused(run, run.sent[phase]["ann"], ProtocolError, "drop the second")

    @ADVERSARIES
    def test_a_second_vector_under_the_same_masks(self, adversary):
        run = until("vectors", adversary)
        run.server.handle(run.sent["vectors"]["ann"])
        again = MaskedInput(run.header, "ann", bytes(4 * (LENGTH + 1)))
        assert_refused(run, run.signed("ann", again), ProtocolError, "drop the second")

    @SPOKEN
    @pytest.mark.parametrize(
        "change", [{"round": 6}, {"session": bytes(16)}, {"context": bytes(32)}], ids=str
    )
    def test_one_of_another_round(self, adversary, phase, change):
        run, other = until(phase, adversary), until(phase, adversary, **change)
        assert_refused(run, other.sent[phase]["ann"], ProtocolError, "start a new round")

    @SPOKEN
    def test_damage_may_be_sent_again(self, adversary, phase):
        run = until(phase, adversary)
        assert_refused(run, run.sent[phase]["ann"][:-1], WireError)
        run.server.handle(run.sent[phase]["ann"])

    @ADVERSARIES
    def test_shares_of_a_stranger(self, adversary):
        run = Round(adversary=adversary).to("keys")
        del run.sent["keys"]["dan"]
        run.to("shares")
        message = EncryptedShares.from_bytes(run.bare("shares", "ann"), run.header)
        stray = run.signed("dan", replace(message, client="dan"))
        assert_refused(run, stray, ProtocolError, "'dan' is not in this phase")

    @ADVERSARIES
    def test_a_vector_without_shared_keys(self, adversary):
        run = Round(absent={"shares": {"dan"}}, adversary=adversary).to("vectors")
        stray = run.signed("dan", MaskedInput(run.header, "dan", bytes(4 * (LENGTH + 1))))
        assert_refused(run, stray, ProtocolError, "joins the next round")

    def test_a_confirmation_of_a_dead_client(self):
        run = Round(absent={"vectors": {"dan"}}, adversary=MALICIOUS).to("confirmations")
        message = run.bare("confirmations", "ann")
        stray = message.replace(b"ann", b"dan")
        assert_refused(run, seal_message(identity("dan"), stray), ProtocolError, "'dan' is not in this phase")

    @ADVERSARIES
    def test_an_answer_of_a_dead_client(self, adversary):
        run = Round(absent={"vectors": {"dan"}}, adversary=adversary).to("answers")
        stray = UnmaskShares.from_bytes(run.bare("answers", "ann"), run.header)
        assert_refused(
            run, run.signed("dan", replace(stray, client="dan")), ProtocolError, "'dan' is not in this phase"
        )

    @ADVERSARIES
    def test_shares_for_too_few_or_too_many_peers(self, adversary):
        run = until("shares", adversary)
        message = EncryptedShares.from_bytes(run.bare("shares", "ann"), run.header)
        for sealed in (message.sealed[1:], (bytes(94), *message.sealed)):
            wrong = run.signed("ann", replace(message, sealed=sealed))
            assert_refused(run, wrong, ProtocolError, "one share to each")

    @ADVERSARIES
    def test_an_answer_for_an_owner_it_does_not_hold(self, adversary):
        run = Round(absent={"shares": {"dan"}}, adversary=adversary).to("answers")
        message = UnmaskShares.from_bytes(run.bare("answers", "ann"), run.header)
        wrong = replace(message, owners=to_bitmap(NAMES, NAMES), shares=(*message.shares, bytes(33)))
        assert_refused(run, run.signed("ann", wrong), ProtocolError, "one share of each")

    def test_an_answer_for_a_client_that_is_no_neighbour(self):
        run = Round(MORE[:8], neighbours=4).to("answers")
        message = UnmaskShares.from_bytes(run.bare("answers", "ann"), run.header)
        wrong = replace(message, owners=to_bitmap(MORE[:8], MORE[:8]), shares=(bytes(33),) * 8)
        assert_refused(run, wrong.to_bytes(), ProtocolError, "one share of each")

    @ADVERSARIES
    def test_more_shares_than_owners(self, adversary):
        run = until("answers", adversary)
        message = UnmaskShares.from_bytes(run.bare("answers", "ann"), run.header)
        wrong = replace(message, shares=(*message.shares, bytes(33)))
        assert_refused(run, run.signed("ann", wrong), ProtocolError, "one share of each")

    @ADVERSARIES
    def test_more_clients_than_the_ring_holds(self, adversary):
        run = Round(MORE[:5], adversary=adversary, encoding=replace(ENCODING, max_clients=4)).to("keys")
        for name in MORE[:4]:
            run.server.handle(run.sent["keys"][name])
        assert_refused(run, run.sent["keys"]["eva"], OverflowRefusedError, "max_clients")


class TestKeys:
    """Keys with which no other client could go on: one client would end the round for all."""

    def advertised(self, run, **change):
        """Dan's message with other keys, signed by dan."""
        message = Advertise.from_bytes(run.bare("keys", "dan"), run.config.header)
        keys = message.keys._replace(**change)
        if run.malicious:
            keys = keys._replace(signature=sign_keys(identity("dan"), run.config.header, *keys[:2]))
        return run.signed("dan", replace(message, keys=keys))

    @ADVERSARIES
    @pytest.mark.parametrize("field", ["encryption", "masking"])
    @pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31)], ids=["0", "1"])
    def test_points_of_low_order(self, adversary, field, point):
        run = until("keys", adversary)
        assert_refused(run, self.advertised(run, **{field: point}), GradveilError)

    @ADVERSARIES
    @pytest.mark.parametrize("field", ["encryption", "masking"])
    @pytest.mark.parametrize("taken", ["encryption", "masking"])
    def test_a_key_of_another_client(self, adversary, field, taken):
        run = until("keys", adversary)
        run.server.handle(run.sent["keys"]["ann"])
        keys = Advertise.from_bytes(run.bare("keys", "ann"), run.config.header).keys
        assert_refused(run, self.advertised(run, **{field: getattr(keys, taken)}), GradveilError)

    @ADVERSARIES
    def test_one_key_for_both_purposes(self, adversary):
        run = until("keys", adversary)
        keys = Advertise.from_bytes(run.bare("keys", "dan"), run.config.header).keys
        assert_refused(run, self.advertised(run, masking=keys.encryption), GradveilError)

    def test_a_signature_where_nothing_is_signed(self):
        run = until("keys", Adversary.SEMI_HONEST)
        assert_refused(run, self.advertised(run, signature=bytes(64)), GradveilError)


class TestNames:
    """A message to the server's name would go to nobody else."""

    def test_a_client_has_another_name_than_the_server(self):
        with pytest.raises(GradveilError):
            Client(SERVER, config())

    def test_the_server_takes_no_keys_in_its_own_name(self):
        run = until("keys", Adversary.SEMI_HONEST)
        message = Advertise.from_bytes(run.sent["keys"]["ann"], run.config.header)
        assert_refused(run, replace(message, client=SERVER).to_bytes(), GradveilError)

    @pytest.mark.parametrize("name", ["", "a\nb", "x" * 201, "\ud800"], ids=ascii)
    def test_odd_names_are_refused(self, name):
        with pytest.raises(WireError, match="rename"):
            Client(name, config())


class TestSealedShares:
    """Wrong ciphertexts and inconsistent shares."""

    def spoiled(self, adversary, receivers, **absent):
        """Dan's sealed shares do not open for these clients."""
        run = Round(SIX, absent, adversary=adversary, threshold=4).to("shares")
        message = EncryptedShares.from_bytes(run.bare("shares", "dan"), run.header)
        peers = run.server.state.cohort.peers("dan")
        sealed = [
            bytes(94) if peer in receivers else blob for peer, blob in zip(peers, message.sealed, strict=True)
        ]
        run.sent["shares"]["dan"] = run.signed("dan", replace(message, sealed=tuple(sealed)))
        return run

    @ADVERSARIES
    def test_the_round_survives_while_the_threshold_can_answer(self, adversary):
        assert_exact(self.spoiled(adversary, ["ann", "bob"]).play(), SIX)

    @ADVERSARIES
    def test_also_if_the_client_is_dead(self, adversary):
        assert_exact(self.spoiled(adversary, ["ann"], vectors={"dan"}).play(), [n for n in SIX if n != "dan"])

    @ADVERSARIES
    def test_beyond_it_the_round_ends_and_names_the_client(self, adversary):
        for absent in ({}, {"vectors": {"dan"}}):
            run = self.spoiled(adversary, ["ann", "bob", "cid"], **absent)
            assert_ended(run, "shares of 'dan', 4 needed")

    @ADVERSARIES
    def test_a_wrong_share_for_one_holder_is_corrected(self, adversary, monkeypatch):
        assert self.dealt(adversary, ["ann"], monkeypatch).suspects == {("dan", "ann")}

    @ADVERSARIES
    def test_shares_of_two_polynomials_end_the_round_and_name_their_owner(self, adversary, monkeypatch):
        assert "'dan'" in self.dealt(adversary, ["ann", "bob", "cid"], monkeypatch)

    def dealt(self, adversary, holders, monkeypatch):
        """Dan deals these holders shares of other secrets."""
        original = Client._split

        def split(client, cohort, seed, masking):
            pairs = original(client, cohort, seed, masking)
            if client.name == "dan":
                pairs |= dict.fromkeys(holders, SharePair(bytes(33), bytes(33)))
            return pairs

        monkeypatch.setattr(Client, "_split", split)
        return Round(SIX, adversary=adversary, threshold=4).play()

    @ADVERSARIES
    def test_another_commitment_ends_the_round_and_names_its_owner(self, adversary):
        run = Round(SIX, adversary=adversary, threshold=4).to("shares")
        message = EncryptedShares.from_bytes(run.bare("shares", "dan"), run.header)
        run.sent["shares"]["dan"] = run.signed("dan", replace(message, commitment=bytes(32)))
        assert_ended(run, "'dan'")


def assert_ended(run, match):
    """The round is over, everybody is told why; the last message may not raise, or nobody would hear."""
    reason = run.play()
    assert isinstance(reason, str)
    assert match in reason
    told = run.told["done"]
    assert set(told) == set(run.told["survivors"])
    assert Abort.from_bytes(told["ann"], run.config.header).reason == reason
    run.clients["ann"].handle(told["ann"])
    assert run.clients["ann"].state == Closed(reason)


def lie(run, liar, owners):
    """The liar's answer with wrong shares of these owners."""
    message = UnmaskShares.from_bytes(run.bare("answers", liar), run.header)
    listed = from_bitmap(message.owners, run.directory.names)
    shares = [
        shamir.evaluate([int.from_bytes(share) + 1], 0) if owner in owners else share
        for owner, share in zip(listed, message.shares, strict=True)
    ]
    return run.signed(liar, replace(message, shares=tuple(shares)))


class TestAnswers:
    """Wrong shares, up to half of what is beyond the threshold."""

    @ADVERSARIES
    @pytest.mark.parametrize("liar", SIX)
    def test_one_liar_of_six(self, adversary, liar):
        run = Round(SIX, adversary=adversary, threshold=4).to("answers")
        run.sent["answers"][liar] = lie(run, liar, ["ann"])
        aggregate = run.play()
        assert_exact(aggregate, SIX)
        # The first four shares are read; those behind them only where these do not fit.
        assert aggregate.suspects == ({("ann", liar)} if liar in SIX[:4] else frozenset())

    @ADVERSARIES
    @pytest.mark.parametrize("liar", SIX[:5])
    def test_one_liar_of_five_that_are_left(self, adversary, liar):
        run = Round(SIX, {"vectors": {"fox"}}, adversary=adversary, threshold=4).to("answers")
        run.sent["answers"][liar] = lie(run, liar, ["fox"])
        if liar in SIX[:4]:
            assert_ended(run, "the shares of 'fox' are not its own")
        else:
            assert_exact(run.play(), SIX[:5])

    @ADVERSARIES
    @pytest.mark.parametrize("liars", list(combinations(NINE[:8], 2))[::5], ids="-".join)
    def test_two_liars_of_nine_are_named(self, adversary, liars):
        run = Round(NINE, adversary=adversary, threshold=5).to("answers")
        for liar in liars:
            run.sent["answers"][liar] = lie(run, liar, NINE)
        aggregate = run.play()
        assert_exact(aggregate, NINE)
        # Only the first five shares are read, unless they do not fit.
        caught = {liar for liar in liars if liar in NINE[:5]}
        assert {holder for _, holder in aggregate.suspects} >= caught
        assert {holder for _, holder in aggregate.suspects} <= set(liars)

    @ADVERSARIES
    def test_lies_about_the_dead_are_named(self, adversary):
        run = Round(NINE, {"vectors": {"ann"}}, adversary=adversary, threshold=5).to("answers")
        run.sent["answers"]["bob"] = lie(run, "bob", ["ann"])
        aggregate = run.play()
        assert_exact(aggregate, NINE[1:])
        assert aggregate.suspects == {("ann", "bob")}

    @ADVERSARIES
    def test_three_liars_of_nine_end_the_round(self, adversary):
        run = Round(NINE, adversary=adversary, threshold=5).to("answers")
        for liar in NINE[:3]:
            run.sent["answers"][liar] = lie(run, liar, ["gil"])
        assert_ended(run, "the shares of 'gil' are not its own")

    @ADVERSARIES
    def test_the_same_at_a_deadline(self, adversary):
        run = Round(NINE, {"answers": {"ivy"}}, adversary=adversary, threshold=5).to("answers")
        for liar in NINE[:2]:
            run.sent["answers"][liar] = lie(run, liar, ["gil"])
        assert_ended(run, "the shares of 'gil' are not its own")

    @ADVERSARIES
    @pytest.mark.parametrize(
        "share", [b"\xff" * 33, shamir.PRIME.to_bytes(33), bytes(33)], ids=["ff", "p", "0"]
    )
    def test_a_value_outside_the_field_is_a_lie_like_any_other(self, adversary, share):
        run = Round(SIX, adversary=adversary, threshold=4).to("answers")
        message = UnmaskShares.from_bytes(run.bare("answers", "bob"), run.header)
        wrong = replace(message, shares=(share, *message.shares[1:]))
        run.sent["answers"]["bob"] = run.signed("bob", wrong)
        aggregate = run.play()
        assert_exact(aggregate, SIX)
        assert aggregate.suspects == {("ann", "bob")}

    @ADVERSARIES
    def test_shares_that_are_left_out_are_those_of_a_lost_client(self, adversary):
        run = Round(SIX, adversary=adversary, threshold=4).to("answers")
        nothing = UnmaskShares(run.header, "bob", bytes(1), ())
        run.sent["answers"]["bob"] = run.signed("bob", nothing)
        assert_exact(run.play(), SIX)

    @ADVERSARIES
    def test_an_honest_round_has_no_suspects(self, adversary):
        assert Round(SIX, adversary=adversary, threshold=4).play().suspects == frozenset()


class TestVectors:
    @ADVERSARIES
    @pytest.mark.parametrize("size", [0, 4 * LENGTH, 4 * LENGTH + 3, 4 * LENGTH + 5, 4 * LENGTH + 400])
    def test_another_length(self, adversary, size):
        run = until("vectors", adversary)
        wrong = run.signed("ann", MaskedInput(run.header, "ann", bytes(size)))
        assert_refused(run, wrong, WireError)

    def test_padding_bits(self):
        encoding = replace(ENCODING, modulus_bits=27)
        run = until("vectors", Adversary.SEMI_HONEST, encoding=encoding)
        message = MaskedInput.from_bytes(run.sent["vectors"]["ann"], run.header, 27)
        assert_exact(Round(encoding=encoding).play(), NAMES, encoding)
        assert len(message.packed) == 27
        run = until("vectors", Adversary.SEMI_HONEST, encoding=encoding, length=LENGTH - 1)
        wrong = replace(message, header=run.header, packed=b"\xff" * 24)
        assert_refused(run, wrong.to_bytes(), WireError, "padding")

    @ADVERSARIES
    def test_a_weight_beyond_the_limit_ends_the_round(self, adversary):
        run = until("vectors", adversary)
        message = MaskedInput.from_bytes(run.bare("vectors", "ann"), run.header, 4 * (LENGTH + 1))
        ring = unpack(message.packed, LENGTH + 1, 32)
        ring[-1:] += 2**30  # on an array: sums on the ring wrap without a warning
        run.sent["vectors"]["ann"] = run.signed("ann", replace(message, packed=pack(ring, 32)))
        assert_ended(run, "weights do not add up")

    @ADVERSARIES
    def test_a_client_does_not_send_what_would_spoil_the_sum(self, adversary):
        client = Round(adversary=adversary).to("ready").clients["ann"]
        before = client.state
        for event, error, match in [
            (Contribute(np.full(LENGTH, np.nan, np.float32)), InvalidUpdateError, "NaN"),
            (Contribute(np.full(LENGTH, -np.inf, np.float32)), InvalidUpdateError, "infinity"),
            (Contribute(np.zeros(LENGTH + 1, np.float32)), InvalidUpdateError, "flatten"),
            (Contribute(np.zeros((LENGTH, 1), np.float32)), InvalidUpdateError, "flatten"),
            (Contribute(np.zeros(LENGTH)), InvalidUpdateError, "float64"),
            (Contribute(vector("ann"), 0), OverflowRefusedError, "weight 0"),
            (Contribute(vector("ann"), 101), OverflowRefusedError, "weight 101"),
            (Contribute(vector("ann"), 1, (1,)), InvalidUpdateError, "counters"),
        ]:
            with pytest.raises(error, match=match):
                client.handle(event)
            assert client.state is before
        assert client.handle(Contribute(vector("ann"), 100))

    def test_the_callers_vector_stays_as_it_was(self):
        mine = vector("ann")
        Round().to("ready").clients["ann"].handle(Contribute(mine, 3))
        assert np.array_equal(mine, vector("ann"))


class TestServer:
    """A phase ends at a deadline or with the last message; nobody is left without an answer."""

    @ADVERSARIES
    def test_an_early_deadline_ends_the_round(self, adversary):
        run = until("keys", adversary)
        for name in NAMES[:2]:
            run.server.handle(run.sent["keys"][name])
        told = run.server.handle(Deadline())
        assert [message.receiver for message in told] == ["ann", "bob"]
        assert isinstance(run.server.state, Closed)

    def test_the_last_keys_of_too_few_end_the_round_too(self):
        run = Round(NAMES[:2])
        for name in NAMES[:2]:
            run.server.handle(run.clients[name].handle(Begin())[0].payload)
        assert isinstance(run.server.state, Closed)

    def test_the_order_of_arrival_is_irrelevant(self):
        run = Round().to("vectors")
        run.sent["vectors"] = dict(reversed(run.sent["vectors"].items()))
        assert_exact(run.play(), NAMES)

    def test_the_server_adds_vectors_and_keeps_none(self):
        run = Round().to("vectors")
        for name in NAMES[:3]:
            before = len(saved(run.server))
            run.server.handle(run.sent["vectors"][name])
            assert len(saved(run.server)) == before
        assert run.server.state.survivors == {"ann", "bob", "cid"}

    def test_it_ends_the_round_when_told(self):
        run = Round().to("vectors")
        told = run.server.abort("the job was stopped")
        assert [message.receiver for message in told] == list(NAMES)
        assert run.server.state == Closed("the job was stopped")
        run.clients["ann"].handle(told[0].payload)
        assert run.clients["ann"].state == Closed("the job was stopped")

    def test_a_done_round_stays_done(self):
        run = Round().to("done")
        assert isinstance(run.server.state, Done)
        with pytest.raises(ProtocolError, match="keep the order"):
            run.server.handle(run.sent["answers"]["ann"])

    def test_a_malicious_round_needs_a_roster(self):
        with pytest.raises(ProtocolError, match="roster"):
            Server(config(adversary=MALICIOUS))
