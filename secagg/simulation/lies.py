"""A server that tells clients of different survivors, to get the shares of both secrets of one client."""

import numpy as np

from gradveil.exchange import wire
from secagg.bitmaps import from_bitmap, to_bitmap
from secagg.cohort import Cohort
from secagg.messages import Confirmations, Survivors
from secagg.simulation.faults import Faults


class Liar:
    """Twists what the server says: the survivors, and then which signatures over them a client gets."""

    def __init__(self, faults: Faults, draw: np.random.Generator) -> None:
        self._faults, self._draw = faults, draw
        self._told: dict[str, bytes] = {}

    def twisted(self, receiver: str, payload: bytes, cohort: Cohort | None) -> bytes:
        """What the receiver gets instead; None for a cohort before it is known."""
        kind = wire.kind_of(payload)
        if cohort is None or kind not in ("secagg-survivors", "secagg-confirmations"):
            return payload
        if kind == "secagg-survivors":
            return self._survivors(receiver, payload, cohort)
        return self._confirmations(receiver, payload, cohort)

    def _survivors(self, receiver: str, payload: bytes, cohort: Cohort) -> bytes:
        true = from_bitmap(Survivors.from_bytes(payload, cohort.header).bitmap, cohort.names)
        withheld = set(self._faults.withheld.get(receiver, ()))
        others = [name for name in true if name != receiver]
        if self._draw.random() < self._faults.equivocate:
            withheld.add(others[self._draw.integers(len(others))])
        bitmap = to_bitmap(set(true) - withheld, cohort.names)
        self._told[receiver] = bitmap
        return Survivors(cohort.header, bitmap).to_bytes()

    def _confirmations(self, receiver: str, payload: bytes, cohort: Cohort) -> bytes:
        """Only the signatures over what the receiver was told: the others would give the lie away."""
        message, holders = Confirmations.from_bytes(payload, cohort.header), cohort.holders(receiver)
        signers = from_bitmap(message.signers, holders)
        told = self._told.get(receiver)
        heard = dict(zip(signers, message.signatures, strict=True))
        kept = {name: each for name, each in heard.items() if self._told.get(name) == told}
        bitmap = to_bitmap(kept, holders)
        return Confirmations(cohort.header, receiver, bitmap, tuple(kept.values())).to_bytes()
