"""A client's state between two messages, and its bytes, sealed under the client's own key."""

import os
from dataclasses import dataclass, field
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gradveil.exchange import WireError, wire
from gradveil.fl.errors import ForgottenRoundError
from gradveil.fl.messages import Terms
from gradveil.parties import Identity
from gradveil.plan import Plan
from secagg import RoundConfig
from secagg.client_states import ClientState
from secagg.secret import Secret
from secagg.snapshots import client_from_bytes, client_to_bytes

_VERSION = 1
_KEY_BYTES, _NONCE_BYTES, _HASH_BYTES = 32, 12, 32
_SEAL = b"gradveil fl client state v1"
_MAX_BYTES = 2**30
_REMEMBERED = 64
"""Models of which a client knows how often it answered for them."""


@dataclass(frozen=True, eq=False, repr=False)
class State(Secret):
    """Where a client stands.

    Attributes:
        terms: of the round that it joined last.
        masking: its part in that round's secure aggregation; None without masking.
        asked: SHA-256 of the last request, and `reply`, the answer to it: a repeated question gets the same.
        answered: models for which it helped to release a sum, the latest last.
        over: whether the client has done its part of the round, or left it.
    """

    terms: Terms | None = None
    masking: ClientState | None = None
    asked: bytes = b""
    reply: bytes = field(default=b"", repr=False)
    answered: tuple[bytes, ...] = ()
    over: bool = False

    def finished(self, reply: bytes = b"", asked: bytes = b"") -> "State":
        """Out of a round whose sum this client helped to release; its secrets are gone."""
        model = [] if self.terms is None else [self.terms.subject]
        return State(self.terms, None, asked, reply, (*self.answered, *model)[-_REMEMBERED:], True)

    def left(self) -> "State":
        """Out of a round for good, without having helped it; its secrets are gone."""
        return State(self.terms, answered=self.answered, over=True)

    def to_bytes(self, plan: Plan, identity: Identity) -> bytes:
        """Sealed bytes: AES-256-GCM under a key that HKDF derives from the identity's."""
        terms = [] if self.terms is None else self.terms.fields
        masking = b""
        if self.masking is not None and self.terms is not None:
            masking = client_to_bytes(self.masking, config_of(plan, self.terms))
        fields = [terms, masking, self.asked, self.reply, b"".join(self.answered), self.over]
        nonce = os.urandom(_NONCE_BYTES)
        packed = wire.pack("fl-client-state", _VERSION, fields)
        return nonce + AESGCM(_key(identity)).encrypt(nonce, packed, plan.hash)

    @classmethod
    def from_bytes(cls, data: bytes, plan: Plan, identity: Identity) -> Self:
        """What `to_bytes` gave.

        Raises:
            ForgottenRoundError: bytes of another client or plan, or damaged ones.
        """
        try:
            packed = AESGCM(_key(identity)).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], plan.hash)
        except (InvalidTag, ValueError) as error:
            raise ForgottenRoundError("the client's state is unreadable; it joins the next round") from error
        types = (list, bytes, bytes, bytes, bytes, bool)
        terms, masking, asked, reply, answered, over = wire.unpack(
            packed, "fl-client-state", _VERSION, types, max_bytes=_MAX_BYTES
        )
        known = Terms.from_fields(*terms) if terms else None
        state = client_from_bytes(masking, config_of(plan, known)) if masking and known else None
        return cls(known, state, asked, reply, _cut(answered), over)


def config_of(plan: Plan, terms: Terms) -> RoundConfig:
    """A round's secure aggregation; PlanError if nothing is masked."""
    return plan.config(
        plan.split(terms.purpose), session=terms.session, round_=terms.round, context=terms.context
    )


def _key(identity: Identity) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=_SEAL)
    return derived.derive(identity.private_bytes())


def _cut(blob: bytes) -> tuple[bytes, ...]:
    if len(blob) % _HASH_BYTES:
        raise WireError("a client's state is damaged; it joins the next round")
    return tuple(blob[start : start + _HASH_BYTES] for start in range(0, len(blob), _HASH_BYTES))
