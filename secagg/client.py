"""A client of one round: bytes in, bytes out (Bonawitz et al. 2017, Figure 4)."""

import secrets
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradveil.exchange import InvalidUpdateError
from secagg import shamir
from secagg.agreement import KeyPair, Purpose, derive
from secagg.config import Floors, RoundConfig
from secagg.errors import ProtocolError, TamperedError
from secagg.framing import Items, checked_name
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
from secagg.sealing import SharePair, seal, unseal
from secagg.secret import Secret


class _New:
    pass


@dataclass(eq=False, repr=False)
class _Advertised(Secret):
    encryption: KeyPair
    masking: KeyPair


@dataclass(eq=False, repr=False)
class _Sharing(Secret):
    roster: Roster
    encryption: KeyPair
    masking: KeyPair
    seed: bytes
    kept: SharePair


@dataclass(eq=False, repr=False)
class _Ready(Secret):
    roster: Roster
    self_mask: MaskKey
    pair_masks: dict[str, MaskKey]
    shares: dict[str, SharePair]


@dataclass(eq=False, repr=False)
class _Masked(Secret):
    roster: Roster
    shares: dict[str, SharePair]


class Client(Machine, Secret):
    """Runs the steps `advertise`, `share_keys`, `receive_shares`, `mask`, `unmask`, once each, in this order.

    A damaged message leaves the state as it was and may be sent again; a message that parses but asks for
    something unsafe closes the round for this client. Secrets are dropped as soon as the next step allows.

    Raises:
        WireError: a name that is no client id; in any step, damaged bytes.
        ProtocolError: in any step, a message out of order, repeated or from another round.
    """

    def __init__(self, name: str, config: RoundConfig, floors: Floors | None = None) -> None:
        super().__init__(_New())
        self.name = checked_name(name)
        self._config = config
        self._floors = floors or Floors()

    def advertise(self) -> bytes:
        """Round 0: an Advertise message with two fresh public keys."""
        self._expect(_New)
        state = self._state = _Advertised(KeyPair.generate(), KeyPair.generate())
        keys = state.encryption.public, state.masking.public
        return Advertise(self._config.header, self.name, *keys).to_bytes()

    def share_keys(self, payload: bytes) -> bytes:
        """Round 1: from a Roster to EncryptedShares of a fresh seed and of the mask key.

        Raises:
            TooFewClientsError, OverflowRefusedError: a roster below the floors or above the capacity.
            ProtocolError: a threshold that is no majority.
            TamperedError: repeated or unusable keys, or this client's own keys replaced.
        """
        state = self._expect(_Advertised)
        roster = Roster.from_bytes(payload, self._config.header)
        self._close()
        self._require_roster(roster, state)
        seed = secrets.token_bytes(shamir.SECRET_BYTES)
        pairs = self._split(roster, seed, state.masking)
        sealed = self._seal(roster, pairs, state.encryption)
        self._state = _Sharing(roster, state.encryption, state.masking, seed, pairs[self.name])
        commitment = derive(seed, Purpose.SEED_COMMITMENT, roster.header_after, [self.name])
        return EncryptedShares(roster.header_after, self.name, commitment, sealed).to_bytes()

    def receive_shares(self, payload: bytes) -> None:
        """Round 2, before training ends: open RoutedShares and derive one mask key for each peer.

        Raises:
            TooFewClientsError: fewer senders than the threshold.
            ProtocolError: a sender outside the roster, or another client's message.
            TamperedError: shares that do not open.
        """
        state = self._expect(_Sharing)
        routed = RoutedShares.from_bytes(payload, state.roster.header_after)
        self._close()
        self._require_routed(routed, state.roster)
        shares = self._unseal(routed.sealed, state) | {self.name: state.kept}
        masks = {peer: self._pair_mask(peer, state) for peer, _ in routed.sealed}
        own = derive(state.seed, Purpose.SELF_MASK, state.roster.header_after, [self.name])
        self._state = _Ready(state.roster, MaskKey(own), masks, shares)

    def mask(self, vector: NDArray[np.float32], weight: int) -> bytes:
        """Round 2: a MaskedInput of a float32 vector (length,) and its weight.

        Raises:
            InvalidUpdateError: another shape or dtype, NaN or infinity.
            OverflowRefusedError: weight outside 1 .. max_weight.
        """
        state = self._expect(_Ready)
        if vector.shape != (self._config.length,):
            raise InvalidUpdateError(
                f"vector of shape {vector.shape}, not ({self._config.length},); flatten it"
            )
        ring = self._config.encoding.encode(vector, weight)
        self._close()
        state.self_mask.apply(ring, 1)
        for peer, key in state.pair_masks.items():
            key.apply(ring, pair_sign(self.name, peer))
        self._state = _Masked(state.roster, state.shares)
        return MaskedInput(state.roster.header_after, self.name, ring).to_bytes()

    def unmask(self, payload: bytes) -> bytes:
        """Round 4: from a DeadList to UnmaskShares: of the dead a mask key's share, of the others a seed's.

        The server cannot name survivors, so no list makes this client give both secrets of anyone.

        Raises:
            ProtocolError: this client listed dead, or dead clients that never shared keys.
            TooFewClientsError: fewer survivors than the threshold or the floor.
        """
        state = self._expect(_Masked)
        dead = set(DeadList.from_bytes(payload, state.roster.header_after).dead)
        self._close()
        if self.name in dead or not dead <= state.shares.keys():
            raise ProtocolError("the dead list names this client or a stranger; leave this server")
        self._floors.require_cohort(len(state.shares) - len(dead), self._config.threshold)
        shares = tuple(
            (owner, pair.mask_key if owner in dead else pair.seed)
            for owner, pair in sorted(state.shares.items())
        )
        return UnmaskShares(state.roster.header_after, self.name, shares).to_bytes()

    def _require_roster(self, roster: Roster, state: _Advertised) -> None:
        self._config.require_capacity(len(roster.entries))
        self._floors.require_roster(len(roster.entries), self._config.threshold)
        own = Advertise(self._config.header, self.name, state.encryption.public, state.masking.public)
        if own not in roster.entries:
            raise TamperedError("the roster lacks this client's own keys; leave this server")
        keys = {key for entry in roster.entries for key in (entry.encryption_key, entry.mask_key)}
        if len(keys) != 2 * len(roster.entries):
            raise TamperedError("the roster repeats a public key; leave this server")

    def _require_routed(self, routed: RoutedShares, roster: Roster) -> None:
        senders = {sender for sender, _ in routed.sealed}
        if routed.client != self.name or self.name in senders or not senders <= roster.points.keys():
            raise ProtocolError("routed shares for another client or from a stranger; leave this server")
        self._floors.require_cohort(len(senders) + 1, self._config.threshold)

    def _split(self, roster: Roster, seed: bytes, masking: KeyPair) -> dict[str, SharePair]:
        threshold, count = self._config.threshold, len(roster.entries)
        seed_shares = shamir.split(seed, threshold, count)
        key_shares = shamir.split(masking.secret(), threshold, count)
        return {
            client: SharePair(seed_shares[x - 1], key_shares[x - 1]) for client, x in roster.points.items()
        }

    def _seal(self, roster: Roster, pairs: dict[str, SharePair], encryption: KeyPair) -> Items:
        header, peers = roster.header_after, [name for name in roster.points if name != self.name]
        keys = {peer: self._share_key(peer, roster, encryption) for peer in peers}
        return tuple((peer, seal(keys[peer], pairs[peer], header, self.name, peer)) for peer in peers)

    def _unseal(self, sealed: Items, state: _Sharing) -> dict[str, SharePair]:
        header = state.roster.header_after
        keys = {sender: self._share_key(sender, state.roster, state.encryption) for sender, _ in sealed}
        return {sender: unseal(keys[sender], body, header, sender, self.name) for sender, body in sealed}

    def _share_key(self, peer: str, roster: Roster, encryption: KeyPair) -> bytes:
        parties = (self.name, peer)
        return encryption.agree(
            roster[peer].encryption_key, Purpose.SHARE_ENCRYPTION, roster.header_after, parties
        )

    def _pair_mask(self, peer: str, state: _Sharing) -> MaskKey:
        parties, header = (self.name, peer), state.roster.header_after
        return MaskKey(state.masking.agree(state.roster[peer].mask_key, Purpose.PAIR_MASK, header, parties))
