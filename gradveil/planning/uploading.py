"""What a client really sends under a plan: the code that the adapters run, on messages of full size."""

import secrets
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from gradveil.fl import Client, Given, LocalJob, Participant, RoundServer, Terms, Trained
from gradveil.fl.messages import SESSION_BYTES
from gradveil.fl.stopwatch import Side
from gradveil.plan import Plan, Purpose
from gradveil.planning.costs import Cost
from gradveil.planning.rates import client_names, client_seconds, masked_round
from secagg.phases import Phase

_WHOLE = 1 << 23
"""Values of all clients up to which every client contributes; of larger rounds one contributes in full size.

What is sent after the contribution does not depend on its length: there it is that of a round of one value.
"""

Vector = NDArray[np.float32]


def measured(plan: Plan, before: Vector, after: Vector) -> Cost:
    """Bytes and seconds of one client's protocol, all of it real, over an update of the plan's size.

    Raises:
        GradveilError: the plan does not carry this update, e.g. values beyond the encryption's range.
    """
    names, trained = client_names(plan.clients), _trained(plan, before, after)
    if plan.clients * plan.layout.size <= _WHOLE:
        record = LocalJob(plan, names, before).run(lambda name, model: trained)
        return Cost(record.bytes_of(names[0])[0], client_seconds(record, plan.clients))
    first, last = _contribution(plan, names, before, trained), _last_phases(plan)
    return Cost(first.bytes + last.bytes, first.seconds + last.seconds)


@dataclass(frozen=True, eq=False)
class _Work:
    before: Vector
    trained: Trained
    sealed: bytes = b""

    def given(self) -> Given:
        return Given.of([self.before.tobytes()], self.sealed, [])

    def run(self, encrypted: Vector | None) -> Trained:
        return self.trained


def _contribution(plan: Plan, names: tuple[str, ...], before: Vector, trained: Trained) -> Cost:
    """All that the first client sends up to its contribution, of which it sends the only one."""
    job, work = LocalJob(plan, names, before), _Work(before, trained)
    terms = Terms(
        secrets.token_bytes(SESSION_BYTES), 1, Purpose.TRAIN, work.given(), plan.hash, job.server.roster.hash
    )
    server = RoundServer(plan, terms, job.server, list(names))
    clients = {name: Participant(Client(plan, job.parties[name])) for name in names}
    sent, seconds = 0, 0.0
    while True:
        phase = server.phase
        for name, request in list(server.requests.items()):
            start = perf_counter()
            reply = clients[name].reply_to(request, work)
            if name == names[0]:
                sent, seconds = sent + len(reply), seconds + perf_counter() - start
            if phase is Phase.MASK:
                return Cost(sent, seconds)
            server.receive(name, reply)


def _last_phases(plan: Plan) -> Cost:
    """What a client sends and computes after the contribution."""
    if plan.masking is None:
        return Cost(0, 0.0)
    record, last = masked_round(plan, plan.masking, 1), (Phase.CONFIRM, Phase.UNMASK)
    name = client_names(1)[0]
    sent = sum(len(each.payload) for each in record.messages if each.sender == name and each.phase in last)
    seconds = sum(s for (phase, side), s in record.seconds.items() if phase in last and side is Side.CLIENTS)
    return Cost(sent, seconds / plan.clients)


def _trained(plan: Plan, before: Vector, after: Vector) -> Trained:
    metrics = {metric.name: 0.0 for metric in plan.metrics}
    return Trained(plan.max_weight, metrics, before, after)
