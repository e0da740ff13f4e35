"""Nodes that fail, and a grid that is listened to."""

import time

from gradveil.fl import Request
from gradveil.fl.flower.forwarding import ForwardingGrid
from gradveil.fl.flower.records import payload_of


class Faulty:
    """A mod that fails at (partition, phase): with an error, or, with `silent_seconds`, by its slowness."""

    def __init__(self, faults, silent_seconds=None):
        self._faults, self._silent_seconds = faults, silent_seconds

    def __call__(self, message, context, call_next):
        payload, _ = payload_of(message.content)
        place = (int(context.node_config["partition-id"]), Request.from_bytes(payload).phase)
        if place in self._faults and self._silent_seconds is None:
            raise RuntimeError("killed")
        if place in self._faults:
            time.sleep(self._silent_seconds)
        return call_next(message, context)


class Recorder:
    """Keeps every reply that a server process receives."""

    def __init__(self):
        self.replies = []

    def around(self, grid):
        recorder = self

        class Listening(ForwardingGrid):
            def pull_messages(self, message_ids):
                found = list(self.inner.pull_messages(message_ids))
                recorder.replies += found
                return found

        return Listening(grid)

    def around_all(self, grid):
        recorder = self

        class Listening(ForwardingGrid):
            def send_and_receive(self, messages, *, timeout=None):
                found = list(self.inner.send_and_receive(messages, timeout=timeout))
                recorder.replies += found
                return found

        return Listening(grid)
