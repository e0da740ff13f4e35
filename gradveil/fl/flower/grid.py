"""A grid on which training and evaluation run under a plan: one reply stands for the whole cohort."""

import logging
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid

from gradveil.exchange import GradveilError
from gradveil.fl.errors import ModelMismatchError, PlanMismatchError, RoundAbortedError
from gradveil.fl.flower import records
from gradveil.fl.flower.checkpoint import Checkpoint
from gradveil.fl.flower.exchange import Exchange
from gradveil.fl.flower.forwarding import ForwardingGrid
from gradveil.fl.flower.reports import RoundReport
from gradveil.fl.flower.settings import Settings
from gradveil.fl.messages import SESSION_BYTES, Terms
from gradveil.fl.outcome import Outcome
from gradveil.fl.parties import ServerParties
from gradveil.fl.server import RoundServer
from gradveil.plan import Plan, Purpose

log = logging.getLogger("gradveil.fl.flower")


class ProtectedGrid(ForwardingGrid):
    """Hand it to any strategy's `start` instead of Flower's grid.

    Messages of the types train and evaluate become rounds of the plan; `send_and_receive` returns one reply
    with the new model, the mean metrics and the summed number of examples, or none if the round was aborted.
    All else goes to Flower's grid.

    Args:
        grid: Flower's.
        plan: of the job.
        parties: the server's.
        settings: of the operator.

    Attributes:
        reports: of all rounds of this process.
        memory: what the checkpoint holds.
        sealed_model: the encrypted part of the model, which this server cannot read, or empty.

    Raises:
        PlanMismatchError: a checkpoint of another plan.
        PartiesError, RosterMismatchError: as `ServerParties.require_fits`.
    """

    def __init__(
        self, grid: Grid, plan: Plan, parties: ServerParties, settings: Settings | None = None
    ) -> None:
        super().__init__(grid)
        parties.require_fits(plan)
        self._plan, self._parties, self._settings = plan, parties, settings or Settings()
        self._session, self._aborted = secrets.token_bytes(SESSION_BYTES), 0
        self.reports: list[RoundReport] = []
        self.memory = _remembered(self._settings.checkpoint, plan)
        self.sealed_model = self.memory.sealed

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        """One reply for all, or none; `timeout` is of messages that are not protected.

        Raises:
            ModelMismatchError: nodes are to be given different models or configurations.
            PlanMismatchError: more or fewer nodes than the plan is for.
            RoundAbortedError: more rounds in a row were aborted than `patience` bears.
        """
        asked = list(messages)
        purpose = _purpose(asked)
        if purpose is None:
            return self.inner.send_and_receive(asked, timeout=timeout)
        if purpose is Purpose.EVALUATE and self._plan.evaluation is None:
            log.info("the plan lists no metrics of an evaluation, so nodes are not asked for one")
            return []
        return self._round(purpose, asked)

    def finish(self, server_round: int, arrays: ArrayRecord | None) -> None:
        """Flower's round is done and gave this model: remember it."""
        kept = self.memory.arrays if arrays is None else arrays
        self._remember(replace(self.memory, finished=server_round, arrays=kept, sealed=self.sealed_model))

    def _round(self, purpose: Purpose, asked: list[Message]) -> list[Message]:
        contents = {str(message.metadata.dst_node_id): message.content for message in asked}
        terms = self._open(purpose, contents)
        server = RoundServer(
            self._plan,
            terms,
            self._parties,
            list(contents),
            deadlines=self._settings.deadlines,
        )
        exchange = Exchange(
            self.inner,
            server,
            contents.__getitem__,
            records.opaque(self.sealed_model) if self.sealed_model else None,
            message_type=asked[0].metadata.message_type,
            group_id=str(terms.round),
            poll_seconds=self._settings.poll_seconds,
        )
        exchange.run()
        outcome, reason = _outcome(server)
        self._keep_report(_report(terms, exchange, server, outcome, reason))
        if outcome is None:
            return []
        return [self._reply(purpose, asked[0], outcome)]

    def _open(self, purpose: Purpose, contents: Mapping[str, RecordDict]) -> Terms:
        """Numbers are used up before a message leaves: a restarted server opens none of them again."""
        first, *others = {id(content): content for content in contents.values()}.values()
        given = records.given_of(first, self.sealed_model)
        if any(records.given_of(other, self.sealed_model) != given for other in others):
            raise ModelMismatchError(
                "the strategy gives nodes different models or configurations, which cannot be summed; "
                "use one that gives all the same"
            )
        self._remember(replace(self.memory, opened=self.memory.opened + 1))
        roster = self._parties.roster.hash
        return Terms(self._session, self.memory.opened, purpose, given, self._plan.hash, roster)

    def _reply(self, purpose: Purpose, message: Message, outcome: Outcome) -> Message:
        # A strategy needs a positive weight; if even the sum is encrypted, it is one.
        metrics = MetricRecord({**outcome.metrics, self._settings.weighted_by: outcome.weight or 1})
        content = RecordDict({"metrics": metrics})
        if purpose is Purpose.TRAIN:
            # On disk with the readable part only, in `finish`: both are of one round.
            self.sealed_model = b"" if outcome.sealed is None else outcome.sealed.to_bytes()
            key = records.only(message.content, ArrayRecord)
            content[key] = self._moved(message.content[key], outcome)
        return Message(content, reply_to=message)

    def _moved(self, arrays: ArrayRecord, outcome: Outcome) -> ArrayRecord:
        layout = self._plan.layout
        vector = records.flatten(arrays, layout) + outcome.difference
        return records.replaced(arrays, layout, vector.astype(np.float32))

    def _keep_report(self, report: RoundReport) -> None:
        self.reports.append(report)
        stayed = len(report.survivors)
        log.info("round %d (%s): %d of %d stayed", report.round, report.purpose, stayed, report.asked)
        self._aborted = 0 if report.aborted is None else self._aborted + 1
        if report.aborted is not None:
            log.warning("round %d was aborted: %s", report.round, report.aborted)
        if self._aborted > self._settings.patience:
            raise RoundAbortedError(
                f"{self._aborted} rounds in a row were aborted, the last one: {report.aborted}"
            )

    def _remember(self, memory: Checkpoint) -> None:
        if self._settings.checkpoint is not None:
            memory.save(self._settings.checkpoint)
        self.memory = memory

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Flower's; refuses what would leave the plan."""
        asked = list(messages)
        if _purpose(asked) is not None:
            raise PlanMismatchError(
                "this strategy polls by itself; train and evaluate must go through send_and_receive"
            )
        return self.inner.push_messages(asked)


def _purpose(messages: list[Message]) -> Purpose | None:
    """None if nothing of it is protected; PlanMismatchError if only a part of it is."""
    kinds = {message.metadata.message_type for message in messages}
    protected = {kind for kind in kinds if kind.partition(".")[0] in set(Purpose)}
    if not protected:
        return None
    if len(kinds) > 1:
        raise PlanMismatchError(f"one round of {' and '.join(sorted(kinds))}; send one kind at a time")
    return Purpose(kinds.pop().partition(".")[0])


def _report(
    terms: Terms, exchange: Exchange, server: RoundServer, outcome: Outcome | None, reason: str | None
) -> RoundReport:
    return RoundReport(
        terms.round,
        terms.purpose,
        len(server.nodes),
        frozenset() if outcome is None else outcome.clients,
        dict(server.losses),
        reason,
        dict(exchange.seconds),
        exchange.sent,
        exchange.received,
    )


def _outcome(server: RoundServer) -> tuple[Outcome | None, str | None]:
    try:
        return server.outcome(), None
    except GradveilError as error:
        return None, str(error)


def _remembered(path: Path | None, plan: Plan) -> Checkpoint:
    if path is None or not path.exists():
        return Checkpoint(plan.hash)
    found = Checkpoint.load(path)
    if found.plan != plan.hash:
        raise PlanMismatchError(f"{path} is of another plan; start a new job with a new checkpoint and keys")
    return found
