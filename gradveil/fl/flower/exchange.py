"""One phase after the other over Flower's grid: our own polling, each reply taken in as it comes."""

import logging
from collections.abc import Callable
from time import monotonic, sleep

from flwr.app import Array, Message, RecordDict
from flwr.serverapp import Grid

from gradveil.exchange import GradveilError, WireError
from gradveil.fl.flower import records
from gradveil.fl.server import RoundServer
from secagg.phases import Phase

log = logging.getLogger("gradveil.fl.flower")


class Exchange:
    """Carries one round.

    Args:
        grid: Flower's.
        server: of the round; its nodes are decimal node ids.
        contents: what each node is given besides, in phase `MASK`.
        sealed: the encrypted part of the model, or None.
        message_type: of all messages: the application's function that the round is about.
        group_id: of all messages.
        poll_seconds: between two looks for replies.

    Attributes:
        sent: bytes of our payloads to nodes.
        received: bytes of our payloads from nodes.
        seconds: of each phase.
    """

    def __init__(
        self,
        grid: Grid,
        server: RoundServer,
        contents: Callable[[str], RecordDict],
        sealed: Array | None,
        *,
        message_type: str,
        group_id: str,
        poll_seconds: float,
    ) -> None:
        self._grid, self._server, self._contents, self._sealed = grid, server, contents, sealed
        self._message_type, self._group_id, self._poll = message_type, group_id, poll_seconds
        self.sent = self.received = 0
        self.seconds: dict[Phase, float] = {}

    def run(self) -> None:
        """All phases, until the round is over."""
        while (phase := self._server.phase) is not None:
            start = monotonic()
            self._collect(phase, self._push(phase), start + self._server.seconds)
            self.seconds[phase] = monotonic() - start

    def _push(self, phase: Phase) -> dict[str, str]:
        """Nodes by the id of the message that each was sent; one by one, so that one message is in memory."""
        asked: dict[str, str] = {}
        for node, request in list(self._server.requests.items()):
            message = Message(
                self._content(phase, node, request),
                int(node),
                self._message_type,
                ttl=self._server.seconds,
                group_id=self._group_id,
            )
            found = list(self._grid.push_messages([message]))
            if found and found[0]:
                asked[found[0]] = node
                self.sent += len(request)
            else:
                self._server.lose(node, "the grid did not take the message")
        return asked

    def _content(self, phase: Phase, node: str, request: bytes) -> RecordDict:
        if phase is not Phase.MASK:
            return records.with_payload(RecordDict(), request)
        return records.with_payload(self._contents(node), request, self._sealed)

    def _collect(self, phase: Phase, asked: dict[str, str], deadline: float) -> None:
        while self._server.phase is phase:
            # Ids that were answered must not be asked for again: Flower reports them as unavailable.
            for reply in self._grid.pull_messages(list(asked)) if asked else ():
                node = asked.pop(reply.metadata.reply_to_message_id, None)
                if node is not None:
                    self._take(node, reply)
            if self._server.phase is phase and (monotonic() >= deadline or not asked):
                self._server.late()
            elif self._server.phase is phase:
                sleep(self._poll)

    def _take(self, node: str, reply: Message) -> None:
        if reply.has_error():
            self._server.lose(node, f"Flower error {reply.error.code}: {reply.error.reason}")
            return
        try:
            found = records.payload_of(reply.content)
            if found is None:
                raise WireError("a reply outside of the protocol; put ProtectedMod first among the mods")
            payload, _ = found
            self.received += len(payload)
            self._server.receive(node, payload)
        except GradveilError as error:
            log.warning("node %s dropped: %s: %s", node, type(error).__name__, error)
            self._server.lose(node, str(error))
