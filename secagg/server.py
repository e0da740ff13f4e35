"""The server of one round: adds masked vectors as they arrive and forgets them (Bonawitz et al. 2017).

The server holds no secret until survivors hand it shares. It trusts the client id inside each message:
the transport must have checked that the message comes from that client.
"""

from collections.abc import Container
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from secagg import shamir
from secagg.agreement import KeyPair, Purpose, derive
from secagg.config import Floors, RoundConfig
from secagg.errors import ProtocolError, TamperedError, TooFewSharesError
from secagg.machine import Machine
from secagg.masking import MaskKey, pair_sign
from secagg.messages import (
    Advertise,
    DeadList,
    EncryptedShares,
    MaskedInput,
    Roster,
    RoutedShares,
    UnmaskShares,
)
from secagg.ring import Ring


@dataclass(frozen=True, eq=False)
class Aggregate:
    """The exact sum over the survivors.

    Attributes:
        ring_total: sum modulo 2^modulus_bits, shape (n + 1,).
        total: sums of weight * x and, last, the sum of weights, float64 (n + 1,).
        survivors: the clients in the sum.
    """

    ring_total: Ring
    total: NDArray[np.float64]
    survivors: frozenset[str]


@dataclass
class _Advertising:
    keys: dict[str, Advertise] = field(default_factory=dict)


@dataclass
class _Sharing:
    roster: Roster
    shares: dict[str, EncryptedShares] = field(default_factory=dict)


@dataclass
class _Summing:
    roster: Roster
    commitments: dict[str, bytes]
    total: Ring
    survivors: set[str] = field(default_factory=set)


@dataclass
class _Unmasking:
    roster: Roster
    commitments: dict[str, bytes]
    total: Ring
    survivors: frozenset[str]
    dead: frozenset[str]
    answers: dict[str, UnmaskShares] = field(default_factory=dict)


class Server(Machine):
    """Collects each phase's messages in any order; `close_...` ends it when the caller's clock says so.

    A refused message or a phase closed too early leaves the state as it was.

    Raises:
        WireError: in any step, damaged bytes.
        ProtocolError: in any step, a message out of order, repeated, or from another round or a stranger.
        TooFewClientsError: on closing a phase, fewer clients than the threshold or the floor.
    """

    def __init__(self, config: RoundConfig, floors: Floors | None = None) -> None:
        super().__init__(_Advertising())
        self._config = config
        self._floors = floors or Floors()

    def receive_keys(self, payload: bytes) -> None:
        """Round 0: take one Advertise; raises OverflowRefusedError above the capacity."""
        state = self._expect(_Advertising)
        message = Advertise.from_bytes(payload, self._config.header)
        _require_new(message.client, state.keys.keys())
        self._config.require_capacity(len(state.keys) + 1)
        state.keys[message.client] = message

    def close_keys(self) -> bytes:
        """Round 0: the Roster for every client that advertised."""
        state = self._expect(_Advertising)
        self._floors.require_roster(len(state.keys), self._config.threshold)
        roster = Roster(self._config.header, tuple(keys for _, keys in sorted(state.keys.items())))
        self._state = _Sharing(roster)
        return roster.to_bytes()

    def receive_shares(self, payload: bytes) -> None:
        """Round 1: take one client's EncryptedShares."""
        state = self._expect(_Sharing)
        message = EncryptedShares.from_bytes(payload, state.roster.header_after)
        _require_new(message.client, state.shares.keys())
        receivers = {receiver for receiver, _ in message.sealed}
        if message.client in receivers or receivers | {message.client} != state.roster.points.keys():
            raise ProtocolError(f"{message.client!r} must send one share to each other client; drop it")
        state.shares[message.client] = message

    def close_shares(self) -> dict[str, bytes]:
        """Round 1: RoutedShares for each client that shared keys (U2); the round goes on without others."""
        state = self._expect(_Sharing)
        self._floors.require_cohort(len(state.shares), self._config.threshold)
        routed = {client: self._route(client, state) for client in state.shares}
        commitments = {client: message.commitment for client, message in state.shares.items()}
        total = np.zeros(self._config.length + 1, dtype=self._config.encoding.dtype)
        self._state = _Summing(state.roster, commitments, total)
        return routed

    def receive_input(self, payload: bytes) -> str:
        """Round 2: add one MaskedInput to the sum; returns the client's id."""
        state = self._expect(_Summing)
        header, config = state.roster.header_after, self._config
        message = MaskedInput.from_bytes(payload, header, config.length, config.encoding)
        _require_new(message.client, state.survivors)
        _require_member(message.client, state.commitments.keys())
        state.total += message.ring
        state.survivors.add(message.client)
        return message.client

    def close_inputs(self) -> bytes:
        """Round 4: the DeadList for every survivor; later vectors are refused."""
        state = self._expect(_Summing)
        self._floors.require_cohort(len(state.survivors), self._config.threshold)
        survivors = frozenset(state.survivors)
        dead = state.commitments.keys() - survivors
        self._state = _Unmasking(state.roster, state.commitments, state.total, survivors, frozenset(dead))
        return DeadList(state.roster.header_after, tuple(sorted(dead))).to_bytes()

    def receive_unmask(self, payload: bytes) -> None:
        """Round 4: take one survivor's UnmaskShares."""
        state = self._expect(_Unmasking)
        message = UnmaskShares.from_bytes(payload, state.roster.header_after)
        _require_new(message.client, state.answers.keys())
        _require_member(message.client, state.survivors)
        if {owner for owner, _ in message.shares} != state.commitments.keys():
            raise ProtocolError(f"{message.client!r} must send one share of each client; drop it")
        state.answers[message.client] = message

    def finish(self) -> Aggregate:
        """Round 4: rebuild seeds of survivors and mask keys of the dead, take all masks off the sum.

        Raises:
            TooFewSharesError: fewer answers than the threshold; more may still come.
            TamperedError: a rebuilt secret is not its owner's, or the weights do not add up.
        """
        state = self._expect(_Unmasking)
        self._require_answers(len(state.answers))
        secrets = self._rebuild(state)
        self._close()
        for owner, secret in secrets.items():
            if owner in state.dead:
                _remove_pair_masks(state, owner, KeyPair.from_secret(secret))
            else:
                _remove_self_mask(state, owner, secret)
        return self._aggregate(state)

    def _route(self, receiver: str, state: _Sharing) -> bytes:
        senders = sorted(sender for sender in state.shares if sender != receiver)
        sealed = tuple((sender, dict(state.shares[sender].sealed)[receiver]) for sender in senders)
        return RoutedShares(state.roster.header_after, receiver, sealed).to_bytes()

    def _require_answers(self, count: int) -> None:
        if count < self._config.threshold:
            needed = self._config.threshold
            raise TooFewSharesError(f"{count} clients answered, {needed} needed; wait or start a new round")

    def _rebuild(self, state: _Unmasking) -> dict[str, bytes]:
        responders = sorted(state.answers)[: self._config.threshold]
        answers = {state.roster.points[name]: dict(state.answers[name].shares) for name in responders}
        owners = sorted(state.commitments)
        return {owner: self._rebuild_one(state, owner, answers) for owner in owners}

    def _rebuild_one(self, state: _Unmasking, owner: str, answers: dict[int, dict[str, bytes]]) -> bytes:
        shares = [(x, answer[owner]) for x, answer in answers.items()]
        secret = shamir.combine(shares, self._config.threshold)
        if owner in state.dead:
            genuine = KeyPair.from_secret(secret).public == state.roster[owner].mask_key
        else:
            header = state.roster.header_after
            genuine = derive(secret, Purpose.SEED_COMMITMENT, header, [owner]) == state.commitments[owner]
        if not genuine:
            raise TamperedError(f"the secret rebuilt for {owner!r} is not its own; start a new round")
        return secret

    def _aggregate(self, state: _Unmasking) -> Aggregate:
        total = self._config.encoding.decode(state.total)
        most = len(state.survivors) * self._config.encoding.max_weight
        if not len(state.survivors) <= total[-1] <= most:
            raise TamperedError("the weights do not add up, so a vector was damaged; start a new round")
        return Aggregate(state.total, total, state.survivors)


def _remove_self_mask(state: _Unmasking, owner: str, seed: bytes) -> None:
    key = derive(seed, Purpose.SELF_MASK, state.roster.header_after, [owner])
    MaskKey(key).apply(state.total, -1)


def _remove_pair_masks(state: _Unmasking, owner: str, masking: KeyPair) -> None:
    header = state.roster.header_after
    for survivor in sorted(state.survivors):
        key = masking.agree(state.roster[survivor].mask_key, Purpose.PAIR_MASK, header, (owner, survivor))
        MaskKey(key).apply(state.total, -pair_sign(survivor, owner))


def _require_new(client: str, seen: Container[str]) -> None:
    if client in seen:
        raise ProtocolError(f"{client!r} sent this message before; drop the second one")


def _require_member(client: str, members: Container[str]) -> None:
    if client not in members:
        raise ProtocolError(f"{client!r} is not in this phase; it joins the next round")
