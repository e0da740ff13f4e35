"""The encrypted part of the global model: a sum of one round that only clients open."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

import he
from gradveil.exchange import WireError, wire
from gradveil.fl.errors import PartiesError
from gradveil.fl.parties import ClientParties
from gradveil.plan import Plan

_VERSION = 1
_FRAME_EXTRA = 2**23


@dataclass(frozen=True)
class SealedModel:
    """What the server passes on without being able to read it.

    Attributes:
        frame: the signed sum.
        round: whose sum it is.
        weight: sum of weights, or 0 if it is in the frame.
    """

    frame: bytes = field(repr=False)
    round: int
    weight: int

    def to_bytes(self) -> bytes:
        """Canonical bytes."""
        return wire.pack("fl-sealed-model", _VERSION, [self.frame, self.round, self.weight])

    @classmethod
    def from_bytes(cls, data: bytes, plan: Plan) -> Self:
        """Decode; raises WireError."""
        params, count = plan.encryption, plan.train.encrypted.size
        limit = _FRAME_EXTRA + (0 if params is None else params.sum_bytes(count))
        fields = wire.unpack(data, "fl-sealed-model", _VERSION, (bytes, int, int), max_bytes=limit)
        return cls(*fields)

    def open(self, plan: Plan, parties: ClientParties) -> NDArray[np.float32]:
        """The global model's values at the plan's encrypted coordinates, float32 (n,).

        Raises:
            PartiesError: there is no key.
            WireError: sums that are no weighted mean.
            GradveilError: as `he.Decryptor.decrypt`; ReplayError for a second sum of one round.
        """
        if parties.key is None:
            raise PartiesError("the model has an encrypted part; give the client the job's key")
        decryptor = he.Decryptor(
            parties.key, parties.roster, ledger=parties.ledger, min_contributors=plan.min_clients
        )
        found = decryptor.decrypt(self.frame, plan.binding(self.round)).values * plan.unit
        inside = self.weight == 0
        weight = round(float(found[-1])) if inside else self.weight
        if weight < 1:
            raise WireError("the weights of an encrypted sum are not positive; leave this server")
        return ((found[:-1] if inside else found) / weight).astype(np.float32)
