"""Virtual time, and a network that treats messages as the faults say."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from heapq import heappop, heappush

import numpy as np

from secagg.simulation.faults import Faults, Pace
from secagg.simulation.report import Fate, Sent


class Agenda:
    """What happens when; things at one time happen in order of entry."""

    def __init__(self) -> None:
        self.now = 0.0
        self._entries: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Enter an action; it may enter others."""
        self._count += 1
        heappush(self._entries, (self.now + seconds, self._count, action))

    def run(self) -> None:
        """Do everything."""
        while self._entries:
            self.now, _, action = heappop(self._entries)
            action()


class _Slot:
    """A place in the order of arrivals at one party, and what arrives there."""

    def __init__(self, sent: Sent, payload: bytes) -> None:
        self.content = sent, payload


class Network:
    """Carries messages from party to party.

    Args:
        agenda: virtual time.
        faults: what goes wrong on the way.
        pace: how long it takes.
        draw: decides what happens to which message.
        deliver: told of each message that arrives.
        checked: drop damaged messages on arrival, as TLS would.
    """

    def __init__(
        self,
        agenda: Agenda,
        faults: Faults,
        pace: Pace,
        draw: np.random.Generator,
        deliver: Callable[[Sent, bytes], None],
        *,
        checked: bool,
    ) -> None:
        self._agenda, self._faults, self._pace, self._draw = agenda, faults, pace, draw
        self._deliver, self._checked = deliver, checked
        self._pending: dict[str, list[_Slot]] = {}
        self.messages: list[Sent] = []

    def send(self, sent: Sent, payload: bytes) -> None:
        """Take a message over and note it."""
        fates = self._fates(sent)
        self.messages.append(replace(sent, fates=sent.fates | fates))
        if Fate.LOST in fates:
            return
        for copy in range(2 if Fate.TWICE in fates else 1):
            damaged = Fate.DAMAGED in fates and copy == 0
            self._post(self.messages[-1], self._flipped(payload) if damaged else payload, damaged=damaged)

    def _fates(self, sent: Sent) -> frozenset[Fate]:
        faults = self._faults
        odds = {
            Fate.LOST: faults.lose,
            Fate.LATE: faults.delay,
            Fate.TWICE: faults.duplicate,
            Fate.SWAPPED: faults.reorder,
            Fate.DAMAGED: faults.corrupt,
        }
        draws = self._draw.random(len(odds))
        if sent.phase not in faults.strikes:
            return frozenset()
        return frozenset(fate for (fate, odd), draw in zip(odds.items(), draws, strict=True) if draw < odd)

    def _post(self, sent: Sent, payload: bytes, *, damaged: bool) -> None:
        seconds = self._draw.uniform(*self._pace.latency)
        if Fate.LATE in sent.fates:
            seconds += self._draw.uniform(0.0, self._faults.lateness)
        if damaged and self._checked:
            return
        pending, slot = self._pending.setdefault(sent.receiver, []), _Slot(sent, payload)
        if Fate.SWAPPED in sent.fates and pending:
            other = pending[self._draw.integers(len(pending))]
            slot.content, other.content = other.content, slot.content
        pending.append(slot)
        self._agenda.after(seconds, partial(self._arrive, slot, pending))

    def _arrive(self, slot: _Slot, pending: list[_Slot]) -> None:
        pending.remove(slot)
        self._deliver(*slot.content)

    def _flipped(self, payload: bytes) -> bytes:
        flipped = bytearray(payload)
        for bit in self._draw.choice(8 * len(flipped), self._faults.flips, replace=False):
            flipped[bit // 8] ^= 1 << bit % 8
        return bytes(flipped)
