"""The server of one round: states and events in, states and messages out (Bonawitz et al. 2017).

It adds masked vectors as they arrive and forgets them, and holds no secret until survivors hand it shares.
Against a malicious server clients sign what they send, and this server drops what is not signed; otherwise
the transport must have checked that a message comes from the client it names.
"""

from collections.abc import Callable, Container, Iterable
from concurrent.futures import Executor

import numpy as np

from gradveil.exchange import TooFewClientsError, wire
from gradveil.parties import Roster
from secagg import authentication
from secagg.adversary import Adversary
from secagg.agreement import require_usable
from secagg.bitmaps import from_bitmap, to_bitmap
from secagg.cohort import Cohort
from secagg.config import Floors, RoundConfig
from secagg.errors import OutOfOrderError, ProtocolError, TamperedError
from secagg.events import SERVER, Closed, Deadline, Event, Outgoing
from secagg.messages import (
    Abort,
    Advertise,
    Confirmation,
    Confirmations,
    Directory,
    EncryptedShares,
    MaskedInput,
    RoutedShares,
    Survivors,
    UnmaskShares,
)
from secagg.packing import packed_bytes, unpack
from secagg.phases import answered, awaited
from secagg.residues import reduce
from secagg.server_states import (
    Advertising,
    Aggregate,
    Confirming,
    Done,
    ServerState,
    Sharing,
    Summing,
    Unmasking,
)
from secagg.unmasking import Rebuilder, remove_masks

Step = tuple[ServerState, tuple[Outgoing, ...]]


class Server:
    """The server's part of one round, a function of state and event; `ServerSession` keeps the state.

    A step takes its state over: do not use the old one again, unless the step raised. A phase ends when all
    that can answer have, or at a `Deadline`.

    Args:
        config: what all parties agreed on.
        floors: limits of this server.
        expects: number of clients at which the first phase ends before its deadline.
        roster: whose signatures count; needed if the configuration is for a malicious server.
        executor: where masks are computed; `workers` parts.
        workers: see `executor`.

    Raises:
        ProtocolError: signatures are required and there is no roster.
    """

    def __init__(
        self,
        config: RoundConfig,
        floors: Floors | None = None,
        *,
        expects: int | None = None,
        roster: Roster | None = None,
        executor: Executor | None = None,
        workers: int = 1,
    ) -> None:
        if config.adversary is Adversary.MALICIOUS and roster is None:
            raise ProtocolError("clients sign what they send; give the server their roster")
        self.config = config
        self._floors = floors or Floors()
        self._expects, self._roster = expects, roster
        self._executor, self._workers = executor, workers

    def initial(self) -> ServerState:
        """The state before the round."""
        return Advertising()

    def step(self, state: ServerState, event: Event) -> Step:
        """The next state, and messages to clients.

        Raises:
            WireError: damaged bytes.
            SignatureError: a message that its sender did not sign.
            OutOfOrderError: an event that this state does not expect.
            ProtocolError: a message that is repeated, of a stranger, or not what its phase asks for.
            OverflowRefusedError: more clients than a sum holds.
        """
        message, signature = event, b""
        if isinstance(event, bytes):
            message, signature = authentication.split_message(event, self.config)
        kind = wire.kind_of(message) if isinstance(message, bytes) else type(message).__name__
        receive = _RECEIVE.get((type(state), kind))
        if receive is not None:
            receive(self, state, message, signature)
            return self._close_or_abort(state) if self._all_answered(state) else (state, ())
        if isinstance(event, Deadline) and type(state) in _CLOSE:
            return self._close_or_abort(state)
        raise OutOfOrderError(f"{kind} in state {type(state).__name__}; keep the order of messages")

    def abort(self, state: ServerState, reason: str) -> Step:
        """End the round without a result, and tell everybody who is known."""
        message = Abort(self.config.header, reason).to_bytes()
        return Closed(reason), _to_all(_known(state), message)

    def _all_answered(self, state: ServerState) -> bool:
        everybody = self._expects if isinstance(state, Advertising) else awaited(state)
        return answered(state) == everybody

    def _close_or_abort(self, state: ServerState) -> Step:
        try:
            return _CLOSE[type(state)](self, state)
        except (TooFewClientsError, TamperedError, ProtocolError) as error:
            return self.abort(state, str(error))

    def _receive_keys(self, state: Advertising, message: bytes, signature: bytes) -> None:
        found = Advertise.from_bytes(message, self.config.header)
        self._require_signed(found.client, message, signature)
        _require_new(found.client, state.keys)
        self.config.require_capacity(len(state.keys) + 1)
        self._require_keys(found, state)
        state.keys[found.client] = found.keys

    def _require_keys(self, found: Advertise, state: Advertising) -> None:
        """Refuse keys that would make honest clients leave the round."""
        if found.client == SERVER:
            raise ProtocolError(f"a client may not be called {SERVER!r}; rename it")
        if bool(found.keys.signature) != (self.config.adversary is Adversary.MALICIOUS):
            raise ProtocolError(f"{found.client!r} signs where nothing is signed, or the reverse; drop it")
        taken = {public for keys in state.keys.values() for public in keys[:2]}
        publics = {found.keys.encryption, found.keys.masking}
        if len(publics) < 2 or publics & taken:
            raise ProtocolError(f"{found.client!r} repeats a public key; drop it")
        for public in publics:
            require_usable(public, found.client)
        if self._roster is not None:
            authentication.verify_keys(self._roster, self.config.header, found.client, found.keys)

    def _close_keys(self, state: Advertising) -> Step:
        names = tuple(sorted(state.keys))
        self._floors.require_round(self.config, len(names))
        directory = Directory(self.config.header, names, tuple(state.keys[name] for name in names))
        return Sharing(Cohort(self.config, directory)), _to_all(names, directory.to_bytes())

    def _receive_shares(self, state: Sharing, message: bytes, signature: bytes) -> None:
        found = EncryptedShares.from_bytes(message, state.cohort.header)
        self._require_signed(found.client, message, signature)
        _require_member(found.client, state.cohort)
        _require_new(found.client, state.shares)
        if len(found.sealed) != len(state.cohort.peers(found.client)):
            raise ProtocolError(f"{found.client!r} must send one share to each neighbour; drop it")
        state.shares[found.client] = found

    def _close_shares(self, state: Sharing) -> Step:
        """U2 is fixed; the round goes on without those who sent no shares."""
        self._require_holders(state.cohort, len(state.shares))
        sealed = {
            sender: dict(zip(state.cohort.peers(sender), message.sealed, strict=True))
            for sender, message in state.shares.items()
        }
        routed = tuple(Outgoing(name, _route(name, state.cohort, sealed)) for name in sorted(sealed))
        commitments = {client: message.commitment for client, message in state.shares.items()}
        total = np.zeros(self.config.coordinates, dtype=self.config.encoding.dtype)
        return Summing(state.cohort, commitments, total), routed

    def _receive_input(self, state: Summing, message: bytes, signature: bytes) -> None:
        bits, count = self.config.encoding.modulus_bits, self.config.coordinates
        found = MaskedInput.from_bytes(message, state.cohort.header, packed_bytes(count, bits))
        self._require_signed(found.client, message, signature)
        _require_member(found.client, state.commitments)
        _require_new(found.client, state.survivors)
        ring = unpack(found.packed, count, bits)
        np.add(state.total, ring, out=state.total)
        state.survivors.add(found.client)

    def _close_inputs(self, state: Summing) -> Step:
        """U3 is fixed; later vectors are refused."""
        self._require_holders(state.cohort, len(state.survivors))
        survivors, cohort = frozenset(state.survivors), state.cohort
        message = Survivors(cohort.header, to_bitmap(survivors, cohort.names)).to_bytes()
        following = Confirming if self.config.adversary is Adversary.MALICIOUS else Unmasking
        return following(cohort, state.commitments, state.total, survivors), _to_all(survivors, message)

    def _receive_confirmation(self, state: Confirming, message: bytes, signature: bytes) -> None:
        found = Confirmation.from_bytes(message, state.cohort.header)
        self._require_signed(found.client, message, signature)
        _require_member(found.client, state.survivors)
        _require_new(found.client, state.signatures)
        state.signatures[found.client] = found.signature

    def _close_confirmations(self, state: Confirming) -> Step:
        """Each client that confirmed gets the signatures of those who hold its shares."""
        self._require_holders(state.cohort, len(state.signatures))
        messages = tuple(Outgoing(name, _confirmed(name, state)) for name in sorted(state.signatures))
        return Unmasking(state.cohort, state.commitments, state.total, state.survivors), messages

    def _receive_unmask(self, state: Unmasking, message: bytes, signature: bytes) -> None:
        found = UnmaskShares.from_bytes(message, state.cohort.header)
        self._require_signed(found.client, message, signature)
        _require_member(found.client, state.survivors)
        _require_new(found.client, state.answers)
        owners = from_bitmap(found.owners, state.cohort.names)
        held = {name for name in state.cohort.peers(found.client) if name in state.commitments}
        if len(owners) != len(found.shares) or not set(owners) <= held | {found.client}:
            raise ProtocolError(f"{found.client!r} must send one share of each owner it holds; drop it")
        state.answers[found.client] = dict(zip(owners, found.shares, strict=True))

    def _finish(self, state: Unmasking) -> Step:
        rebuilder = Rebuilder(state)
        masks = list(rebuilder.masks())
        remove_masks(state.total, masks, self._executor, self._workers)
        return Done(self._aggregate(state, frozenset(rebuilder.suspects))), ()

    def _aggregate(self, state: Unmasking, suspects: frozenset[tuple[str, str]]) -> Aggregate:
        config, ring = self.config, reduce(state.total, self.config.encoding.modulus_bits)
        decoded = config.encoding.decode(ring, counters=config.counters)
        values, counters = decoded[: config.length + 1], decoded[config.length + 1 :]
        most = len(state.survivors) * config.encoding.max_weight
        if not len(state.survivors) <= values[-1] <= most:
            raise TamperedError("the weights do not add up, so a vector was damaged; start a new round")
        return Aggregate(ring, values, tuple(int(each) for each in counters), state.survivors, suspects)

    def _require_holders(self, cohort: Cohort, clients: int) -> None:
        self._floors.require_cohort(clients)
        if cohort.complete and clients < self.config.threshold:
            needed = self.config.threshold
            raise TooFewClientsError(f"{clients} clients hold shares, {needed} needed; start a new round")

    def _require_signed(self, client: str, message: bytes, signature: bytes) -> None:
        if self.config.adversary is Adversary.MALICIOUS and self._roster is not None:
            authentication.verify_message(self._roster, client, message, signature)


def _route(receiver: str, cohort: Cohort, sealed: dict[str, dict[str, bytes]]) -> bytes:
    peers = cohort.peers(receiver)
    senders = [peer for peer in peers if peer in sealed]
    blobs = tuple(sealed[sender][receiver] for sender in senders)
    return RoutedShares(cohort.header, receiver, to_bitmap(senders, peers), blobs).to_bytes()


def _confirmed(receiver: str, state: Confirming) -> bytes:
    holders = state.cohort.holders(receiver)
    signers = [name for name in holders if name in state.signatures]
    signatures = tuple(state.signatures[name] for name in signers)
    return Confirmations(state.cohort.header, receiver, to_bitmap(signers, holders), signatures).to_bytes()


def _to_all(names: Iterable[str], message: bytes) -> tuple[Outgoing, ...]:
    return tuple(Outgoing(name, message) for name in sorted(names))


def _known(state: ServerState) -> Iterable[str]:
    match state:
        case Advertising(keys=keys):
            return keys
        case Sharing(cohort=cohort):
            return cohort.names
        case Summing(commitments=commitments):
            return commitments
        case Confirming(survivors=survivors) | Unmasking(survivors=survivors):
            return survivors
        case _:
            return ()


def _require_new(client: str, seen: Container[str]) -> None:
    if client in seen:
        raise ProtocolError(f"{client!r} sent this message before; drop the second one")


def _require_member(client: str, members: Container[str]) -> None:
    if client not in members:
        raise ProtocolError(f"{client!r} is not in this phase; it joins the next round")


_RECEIVE: dict[tuple[type[ServerState], str], Callable[..., None]] = {
    (Advertising, "secagg-advertise"): Server._receive_keys,
    (Sharing, "secagg-shares"): Server._receive_shares,
    (Summing, "secagg-masked"): Server._receive_input,
    (Confirming, "secagg-confirmation"): Server._receive_confirmation,
    (Unmasking, "secagg-unmask"): Server._receive_unmask,
}

_CLOSE: dict[type[ServerState], Callable[..., Step]] = {
    Advertising: Server._close_keys,
    Sharing: Server._close_shares,
    Summing: Server._close_inputs,
    Confirming: Server._close_confirmations,
    Unmasking: Server._finish,
}
