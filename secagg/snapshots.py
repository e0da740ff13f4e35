"""States as bytes, to stop a party between two steps and go on elsewhere.

A server's bytes hold no secret but, while it unmasks, shares of secrets. A client's bytes hold its secret
keys: seal them, keep them from other processes, and never restore one state twice, since two answers to one
question can give a secret away.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from gradveil.exchange import WireError, wire
from secagg.agreement import KeyPair
from secagg.bitmaps import from_bitmap, to_bitmap
from secagg.client_states import Advertised, ClientState, Confirmed, Masked, New, Ready, Sharing
from secagg.cohort import Cohort
from secagg.config import RoundConfig
from secagg.errors import ProtocolError
from secagg.events import Closed
from secagg.framing import VERSION
from secagg.messages import (
    COMMITMENT_BYTES,
    SIGNATURE_BYTES,
    Advertise,
    Directory,
    EncryptedShares,
    UnmaskShares,
)
from secagg.sealing import SharePair
from secagg.server_states import Advertising, Confirming, ServerState, Summing, Unmasking
from secagg.server_states import Sharing as ServerSharing
from secagg.shamir import SHARE_BYTES

_CLIENT, _SERVER = "secagg-client-state", "secagg-server-state"
_TYPES = (bytes, int, bytes, str, bytes, list)
_DIGEST_BYTES = 32
_MAX_BYTES = 1 << 30

State = TypeVar("State")


def server_to_bytes(state: ServerState, config: RoundConfig) -> bytes:
    """A server's state; raises ProtocolError for a round that is done, whose result is to be kept instead."""
    match state:
        case Advertising(keys=keys):
            advertised = (Advertise(config.header, name, each) for name, each in sorted(keys.items()))
            fields: list[Any] = [message.to_bytes() for message in advertised]
        case ServerSharing(shares=shares):
            fields = [message.to_bytes() for _, message in sorted(shares.items())]
        case Summing(survivors=survivors):
            fields = [*_sum_fields(state), to_bitmap(survivors, state.cohort.names)]
        case Confirming(signatures=signatures):
            fields = [*_sum_fields(state), *_with_survivors(state, signatures)]
        case Unmasking(answers=answers):
            fields = [
                *_sum_fields(state),
                to_bitmap(state.survivors, state.cohort.names),
                *_answers(state.cohort, answers),
            ]
        case Closed(reason=reason):
            fields = [reason]
        case _:
            raise ProtocolError("the round is done; keep its aggregate")
    return _pack(_SERVER, state, fields, config)


def server_from_bytes(data: bytes, config: RoundConfig) -> ServerState:
    """What `server_to_bytes` gave; raises WireError for damaged bytes, ProtocolError for another round's."""
    state = _undamaged(_server_state, *_unpack(data, _SERVER, config), config)
    _require_canonical(server_to_bytes(state, config), data)
    return state


def _server_state(kind: str, cohort: Cohort | None, fields: list[Any], config: RoundConfig) -> ServerState:
    if kind == "Advertising":
        advertised = (Advertise.from_bytes(each, config.header) for each in fields)
        return Advertising({message.client: message.keys for message in advertised})
    if kind == "Closed":
        return Closed(*fields)
    known = _require(cohort)
    if kind == "Sharing":
        found = (EncryptedShares.from_bytes(each, known.header) for each in fields)
        return ServerSharing(known, {message.client: message for message in found})
    return _summed_state(kind, known, fields)


def client_to_bytes(state: ClientState, config: RoundConfig) -> bytes:
    """A client's state, secrets included."""
    match state:
        case New():
            fields: list[Any] = []
        case Advertised():
            fields = [state.encryption.secret(), state.masking.secret()]
        case Sharing():
            kept = b"" if state.kept is None else _pair(state.kept)
            fields = [state.encryption.secret(), state.masking.secret(), state.seed, kept]
        case Ready():
            fields = [state.masking.secret(), state.seed, *_held(state)]
        case Masked():
            fields = _held(state)
        case Confirmed():
            fields = [*_held(state), state.survivors]
        case Closed(reason=reason):
            fields = [reason]
    return _pack(_CLIENT, state, fields, config)


def client_from_bytes(data: bytes, config: RoundConfig) -> ClientState:
    """What `client_to_bytes` gave; raises WireError for damaged bytes, ProtocolError for another round's."""
    state = _undamaged(_client_state, *_unpack(data, _CLIENT, config))
    _require_canonical(client_to_bytes(state, config), data)
    return state


def _client_state(kind: str, cohort: Cohort | None, fields: list[Any]) -> ClientState:
    if kind == "New":
        return New()
    if kind == "Closed":
        return Closed(*fields)
    if kind == "Advertised":
        return Advertised(*map(KeyPair.from_secret, fields))
    known = _require(cohort)
    if kind == "Sharing":
        encryption, masking, seed, kept = fields
        pairs = KeyPair.from_secret(encryption), KeyPair.from_secret(masking)
        return Sharing(known, *pairs, seed, _pair_of(kept) if kept else None)
    if kind == "Ready":
        masking, seed, *held = fields
        return Ready(known, KeyPair.from_secret(masking), seed, *_held_of(known, held))
    return _answering_state(kind, known, fields)


def _undamaged(build: Callable[..., State], *fields: object) -> State:
    try:
        return build(*fields)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise WireError(f"a state is damaged ({error}); restore it from a copy") from error


def _pack(kind: str, state: object, fields: Sequence[object], config: RoundConfig) -> bytes:
    cohort = getattr(state, "cohort", None)
    directory = b"" if cohort is None else cohort.directory.to_bytes()
    packed = wire.pack(kind, VERSION, [*config.header.fields, type(state).__name__, directory, fields])
    return packed + hashlib.sha256(packed).digest()


def _unpack(data: bytes, kind: str, config: RoundConfig) -> tuple[str, Cohort | None, list[Any]]:
    packed, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if hashlib.sha256(packed).digest() != digest:
        raise WireError(f"{kind}: damaged on disk; restore it from a copy")
    *place, name, directory, fields = wire.unpack(packed, kind, VERSION, _TYPES, max_bytes=_MAX_BYTES)
    if place != config.header.fields:
        raise ProtocolError("a state of another session, round or configuration; start a new round")
    if not directory:
        return name, None, fields
    return name, Cohort(config, Directory.from_bytes(directory, config.header)), fields


def _require_canonical(again: bytes, data: bytes) -> None:
    if again != data:
        raise WireError("a state is not in canonical form; restore it from a copy")


def _require(cohort: Cohort | None) -> Cohort:
    if cohort is None:
        raise WireError("a state without its directory; restore it from a copy")
    return cohort


def _sum_fields(state: Summing | Confirming | Unmasking) -> list[object]:
    names = [name for name in state.cohort.names if name in state.commitments]
    commitments = b"".join(state.commitments[name] for name in names)
    return [to_bitmap(names, state.cohort.names), commitments, state.total.tobytes()]


def _with_survivors(state: Confirming, signatures: dict[str, bytes]) -> list[object]:
    names = [name for name in state.cohort.names if name in signatures]
    signed = b"".join(signatures[name] for name in names)
    return [to_bitmap(state.survivors, state.cohort.names), to_bitmap(names, state.cohort.names), signed]


def _answers(cohort: Cohort, answers: dict[str, dict[str, bytes]]) -> list[bytes]:
    """One message for each client, as it sent it."""
    messages = (
        UnmaskShares(cohort.header, name, to_bitmap(shares, cohort.names), tuple(shares.values()))
        for name, shares in sorted(answers.items())
    )
    return [message.to_bytes() for message in messages]


def _answers_of(cohort: Cohort, messages: list[bytes]) -> dict[str, dict[str, bytes]]:
    found = (UnmaskShares.from_bytes(each, cohort.header) for each in messages)
    return {
        message.client: dict(zip(from_bitmap(message.owners, cohort.names), message.shares, strict=True))
        for message in found
    }


def _summed_state(kind: str, cohort: Cohort, fields: list[Any]) -> ServerState:
    order, config = cohort.names, cohort.config
    members, commitments, total, survivors, *rest = fields
    owners = from_bitmap(members, order)
    committed = dict(zip(owners, _cut(commitments, COMMITMENT_BYTES), strict=True))
    ring = np.frombuffer(total, dtype=config.encoding.dtype).copy()
    if ring.size != config.coordinates:
        raise WireError("a sum of another length; restore the state from a copy")
    alive = from_bitmap(survivors, order)
    if kind == "Summing":
        return Summing(cohort, committed, ring, set(alive))
    if kind == "Confirming":
        signers, signatures = rest
        signed = dict(zip(from_bitmap(signers, order), _cut(signatures, SIGNATURE_BYTES), strict=True))
        return Confirming(cohort, committed, ring, frozenset(alive), signed)
    if kind == "Unmasking":
        return Unmasking(cohort, committed, ring, frozenset(alive), _answers_of(cohort, rest))
    raise WireError(f"no state {kind[:20]!r}; upgrade the older side")


def _held(state: Ready | Masked | Confirmed) -> list[object]:
    order = state.cohort.names
    readable = {owner: pair for owner, pair in sorted(state.shares.items()) if pair is not None}
    pairs = b"".join(_pair(pair) for pair in readable.values())
    return [to_bitmap(state.peers, order), to_bitmap(state.shares, order), to_bitmap(readable, order), pairs]


def _held_of(cohort: Cohort, fields: list[Any]) -> tuple[tuple[str, ...], dict[str, SharePair | None]]:
    peers, owners, readable, pairs = fields
    order = cohort.names
    shares: dict[str, SharePair | None] = dict.fromkeys(from_bitmap(owners, order))
    found = zip(from_bitmap(readable, order), _cut(pairs, 2 * SHARE_BYTES), strict=True)
    shares |= {owner: _pair_of(pair) for owner, pair in found}
    return from_bitmap(peers, order), shares


def _answering_state(kind: str, cohort: Cohort, fields: list[Any]) -> Masked | Confirmed:
    if kind == "Masked":
        return Masked(cohort, *_held_of(cohort, fields))
    if kind == "Confirmed":
        *held, survivors = fields
        return Confirmed(cohort, *_held_of(cohort, held), survivors)
    raise WireError(f"no state {kind[:20]!r}; upgrade the older side")


def _pair(pair: SharePair) -> bytes:
    return pair.seed + pair.mask_key


def _pair_of(data: bytes) -> SharePair:
    return SharePair(data[:SHARE_BYTES], data[SHARE_BYTES:])


def _cut(blob: bytes, size: int) -> list[bytes]:
    return [blob[start : start + size] for start in range(0, len(blob), size)]
