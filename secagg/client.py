"""A client of one round: states and events in, states and messages out (Bonawitz et al. 2017, Figure 4)."""

import secrets
from collections.abc import Callable

from gradveil.exchange import InvalidUpdateError, TooFewClientsError, wire
from gradveil.parties import Identity, Roster
from secagg import authentication, shamir
from secagg.adversary import Adversary
from secagg.agreement import KeyPair, Purpose, derive
from secagg.bitmaps import from_bitmap, to_bitmap
from secagg.client_states import Advertised, ClientState, Confirmed, Masked, New, Ready, Sharing
from secagg.cohort import Cohort
from secagg.config import Floors, RoundConfig
from secagg.errors import OutOfOrderError, OverflowRefusedError, ProtocolError, TamperedError
from secagg.events import SERVER, Begin, Closed, Contribute, Event, Outgoing
from secagg.framing import checked_name
from secagg.masking import MaskKey, pair_sign
from secagg.messages import (
    Abort,
    Advertise,
    Confirmation,
    Confirmations,
    Directory,
    EncryptedShares,
    Keys,
    MaskedInput,
    RoutedShares,
    Survivors,
    UnmaskShares,
)
from secagg.packing import pack
from secagg.residues import Ring
from secagg.sealing import SharePair, seal, unseal
from secagg.secret import Secret

Step = tuple[ClientState, bytes | None]


class Client(Secret):
    """One client's part of one round, a function of state and event; `ClientSession` keeps the state.

    Args:
        name: client id.
        config: what all parties agreed on.
        floors: limits that no server can lower.
        identity: signs this client's messages; needed against a malicious server.
        roster: whose signatures count, pinned by this client.

    Raises:
        WireError: a name that is no client id.
        ProtocolError: a malicious server and no identity or roster, or one that does not fit.
    """

    def __init__(
        self,
        name: str,
        config: RoundConfig,
        floors: Floors | None = None,
        *,
        identity: Identity | None = None,
        roster: Roster | None = None,
    ) -> None:
        self.name = checked_name(name)
        self.config = config
        self._floors = floors or Floors()
        authentication.require_roster(config, roster, identity, name)
        self._identity, self._roster = identity, roster

    def initial(self) -> ClientState:
        """The state before the round."""
        return New()

    def step(self, state: ClientState, event: Event) -> tuple[ClientState, tuple[Outgoing, ...]]:
        """The next state, and at most one message to the server.

        Raises:
            WireError: damaged bytes.
            OutOfOrderError: an event that this state does not expect.
            ProtocolError, TamperedError, TooFewClientsError, OverflowRefusedError: the server, or a message,
                asks for something unsafe; leave the round.
            InvalidUpdateError, OverflowRefusedError: a vector, weight or counter that does not fit.
        """
        if isinstance(event, bytes) and wire.kind_of(event) == "secagg-abort":
            return Closed(Abort.from_bytes(event, self.config.header).reason), ()
        handler = _STEPS.get((type(state), _kind(event)))
        if handler is None:
            raise OutOfOrderError(
                f"{_kind(event)} in state {type(state).__name__}; keep the order of messages"
            )
        following, message = handler(self, state, event)
        if message is None:
            return following, ()
        return following, (Outgoing(SERVER, authentication.seal_message(self._identity, message)),)

    def _advertise(self, state: New, event: Begin) -> Step:
        pairs = KeyPair.generate(), KeyPair.generate()
        message = Advertise(self.config.header, self.name, self._keys(*pairs))
        return Advertised(*pairs), message.to_bytes()

    def _share_keys(self, state: Advertised, event: bytes) -> Step:
        cohort = Cohort(self.config, Directory.from_bytes(event, self.config.header))
        self._require_directory(cohort, state)
        seed = secrets.token_bytes(shamir.SECRET_BYTES)
        pairs = self._split(cohort, seed, state.masking)
        following = Sharing(cohort, state.encryption, state.masking, seed, pairs.get(self.name))
        sealed = tuple(self._seal(following, peer, pairs[peer]) for peer in cohort.peers(self.name))
        commitment = derive(seed, Purpose.SEED_COMMITMENT, cohort.header, [self.name])
        return following, EncryptedShares(cohort.header, self.name, commitment, sealed).to_bytes()

    def _receive_shares(self, state: Sharing, event: bytes) -> Step:
        routed = RoutedShares.from_bytes(event, state.cohort.header)
        peers = from_bitmap(routed.senders, state.cohort.peers(self.name))
        if routed.client != self.name or len(peers) != len(routed.sealed):
            raise ProtocolError("routed shares for another client or of strangers; leave this server")
        self._require_peers(state.cohort, len(peers))
        opened = zip(peers, routed.sealed, strict=True)
        shares = {peer: self._unseal(state, peer, sealed) for peer, sealed in opened}
        if state.kept is not None:
            shares[self.name] = state.kept
        return Ready(state.cohort, state.masking, state.seed, peers, shares), None

    def _mask(self, state: Ready, event: Contribute) -> Step:
        ring = self._encode(event)
        own = derive(state.seed, Purpose.SELF_MASK, state.cohort.header, [self.name])
        MaskKey(own).apply(ring, 1)
        for peer in state.peers:
            self._pair_mask(state, peer).apply(ring, pair_sign(self.name, peer))
        packed = pack(ring, self.config.encoding.modulus_bits)
        following = Masked(state.cohort, state.peers, state.shares)
        return following, MaskedInput(state.cohort.header, self.name, packed).to_bytes()

    def _hear_survivors(self, state: Masked, event: bytes) -> Step:
        bitmap = Survivors.from_bytes(event, state.cohort.header).bitmap
        survivors = from_bitmap(bitmap, state.cohort.names)
        self._require_survivors(state, survivors)
        if self.config.adversary is Adversary.SEMI_HONEST:
            return Closed("answered"), self._answer(state, survivors)
        assert self._identity is not None  # noqa: S101 - checked on construction
        signature = authentication.sign_survivors(self._identity, state.cohort.header, bitmap)
        following = Confirmed(state.cohort, state.peers, state.shares, bitmap)
        return following, Confirmation(state.cohort.header, self.name, signature).to_bytes()

    def _unmask(self, state: Confirmed, event: bytes) -> Step:
        cohort = state.cohort
        heard = Confirmations.from_bytes(event, cohort.header)
        holders = cohort.holders(self.name)
        signers = from_bitmap(heard.signers, holders)
        if heard.client != self.name or len(signers) != len(heard.signatures):
            raise ProtocolError("confirmations for another client or of strangers; leave this server")
        if len(signers) < self.config.threshold:
            raise ProtocolError(
                f"{len(signers)} confirmations, {self.config.threshold} needed; leave the round"
            )
        assert self._roster is not None  # noqa: S101 - checked on construction
        for name, signature in zip(signers, heard.signatures, strict=True):
            authentication.verify_survivors(self._roster, cohort.header, name, state.survivors, signature)
        survivors = from_bitmap(state.survivors, cohort.names)
        return Closed("answered"), self._answer(state, survivors)

    def _answer(self, state: Masked | Confirmed, survivors: tuple[str, ...]) -> bytes:
        """One share of each owner: of the mask key if it is dead, of the seed if its vector is in the sum."""
        alive = frozenset(survivors)
        readable = {owner: pair for owner, pair in sorted(state.shares.items()) if pair is not None}
        shares = tuple(pair.seed if owner in alive else pair.mask_key for owner, pair in readable.items())
        owners = to_bitmap(readable, state.cohort.names)
        return UnmaskShares(state.cohort.header, self.name, owners, shares).to_bytes()

    def _require_directory(self, cohort: Cohort, state: Advertised) -> None:
        names = cohort.names
        self.config.require_capacity(len(names))
        self._floors.require_round(self.config, len(names))
        # Ed25519 is deterministic, so signing again gives the keys as they were sent.
        if self.name not in cohort or cohort.keys(self.name) != self._keys(state.encryption, state.masking):
            raise TamperedError("the directory lacks this client's own keys; leave this server")
        publics = {public for name in names for public in cohort.keys(name)[:2]}
        if len(publics) != 2 * len(names):
            raise TamperedError("the directory repeats a public key; leave this server")
        if self._roster is not None:
            for name in names:
                authentication.verify_keys(self._roster, self.config.header, name, cohort.keys(name))

    def _require_peers(self, cohort: Cohort, peers: int) -> None:
        holders = peers + 1 if cohort.complete else peers
        if cohort.complete:
            self._floors.require_cohort(holders)
        if holders < self.config.threshold:
            raise ProtocolError(
                f"{holders} clients hold shares, {self.config.threshold} needed; leave the round"
            )

    def _require_survivors(self, state: Masked, survivors: tuple[str, ...]) -> None:
        alive = frozenset(survivors)
        known = frozenset(state.peers) | {self.name}
        if self.name not in alive or alive.intersection(state.cohort.peers(self.name)) - known:
            raise ProtocolError("the survivors lack this client or hold a stranger; leave this server")
        self._floors.require_cohort(len(survivors))
        holders = frozenset(state.cohort.holders(self.name))
        if len(alive & holders) < self.config.threshold:
            raise TooFewClientsError("too few holders of this client's shares survived; join the next round")

    def _keys(self, encryption: KeyPair, masking: KeyPair) -> Keys:
        header, publics = self.config.header, (encryption.public, masking.public)
        signed = b"" if self._identity is None else authentication.sign_keys(self._identity, header, *publics)
        return Keys(*publics, signed)

    def _split(self, cohort: Cohort, seed: bytes, masking: KeyPair) -> dict[str, SharePair]:
        holders, threshold = cohort.holders(self.name), self.config.threshold
        points = [cohort.point(holder) for holder in holders]
        columns = (shamir.split(secret, threshold, points) for secret in (seed, masking.secret()))
        return {holder: SharePair(*shares) for holder, *shares in zip(holders, *columns, strict=True)}

    def _seal(self, state: Sharing, peer: str, pair: SharePair) -> bytes:
        return seal(self._share_key(state, peer), pair, state.cohort.header, self.name, peer)

    def _unseal(self, state: Sharing, peer: str, sealed: bytes) -> SharePair | None:
        """None for shares that do not open: their sender can still be unmasked by the others."""
        try:
            return unseal(self._share_key(state, peer), sealed, state.cohort.header, peer, self.name)
        except TamperedError:
            return None

    def _share_key(self, state: Sharing, peer: str) -> bytes:
        header, parties = state.cohort.header, (self.name, peer)
        public = state.cohort.keys(peer).encryption
        return state.encryption.agree(public, Purpose.SHARE_ENCRYPTION, header, parties)

    def _pair_mask(self, state: Ready, peer: str) -> MaskKey:
        header, parties = state.cohort.header, (self.name, peer)
        public = state.cohort.keys(peer).masking
        return MaskKey(state.masking.agree(public, Purpose.PAIR_MASK, header, parties))

    def _encode(self, event: Contribute) -> Ring:
        config = self.config
        if event.vector.shape != (config.length,):
            raise InvalidUpdateError(f"vector of {event.vector.shape}, not ({config.length},); flatten it")
        if len(event.counters) != config.counters:
            raise InvalidUpdateError(f"{len(event.counters)} counters, not {config.counters}; give all")
        if config.noise is not None and event.weight != 1:
            raise OverflowRefusedError(f"weight {event.weight} beside noise; give every client weight 1")
        if config.noise is not None:
            return config.noise.encode(event.vector)
        return config.encoding.encode(event.vector, event.weight, event.counters)


def _kind(event: Event) -> str:
    return wire.kind_of(event) if isinstance(event, bytes) else type(event).__name__


_STEPS: dict[tuple[type[ClientState], str], Callable[..., Step]] = {
    (New, "Begin"): Client._advertise,
    (Advertised, "secagg-directory"): Client._share_keys,
    (Sharing, "secagg-routed"): Client._receive_shares,
    (Ready, "Contribute"): Client._mask,
    (Masked, "secagg-survivors"): Client._hear_survivors,
    (Confirmed, "secagg-confirmations"): Client._unmask,
}
