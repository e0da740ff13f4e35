"""A client's part of a job: requests in, signed replies out, whatever carries them."""

import hashlib
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import secagg
from gradveil.fl.contribution import Trained, update_of, upload_of
from gradveil.fl.errors import (
    ExpiredRoundError,
    ForgottenRoundError,
    ModelMismatchError,
    PlanMismatchError,
    RefusedError,
    RosterMismatchError,
)
from gradveil.fl.messages import Given, Reply, Request, Terms
from gradveil.fl.parties import ClientParties
from gradveil.fl.sealed_model import SealedModel
from gradveil.fl.state import State, config_of
from gradveil.plan import Plan, Purpose
from secagg import Adversary, Begin, Contribute, Floors
from secagg.client_states import ClientState, New
from secagg.phases import Phase


@dataclass(frozen=True)
class Policy:
    """A client's own limits, which no server can lower.

    Attributes:
        floors: of every secure aggregation.
        rounds_per_model: how often the client helps to release a sum about one model. Sums of one model over
            groups that differ by one client give that client away; 1 prevents it, at the price that a round
            which fails at its very end cannot be repeated.
    """

    floors: Floors = field(default_factory=Floors)
    rounds_per_model: int = 2


class _Following(NamedTuple):
    state: ClientState
    payload: bytes


class Client:
    """One client's part, a function of state and request; `Participant` keeps the state.

    Args:
        plan: as this client pinned it.
        parties: this client's own keys and roster.
        policy: this client's own limits.

    Raises:
        RosterMismatchError, PartiesError, PlanMismatchError: keys that do not fit roster or plan.
    """

    def __init__(self, plan: Plan, parties: ClientParties, policy: Policy | None = None) -> None:
        parties.require_fits(plan)
        self.plan, self.parties, self.policy = plan, parties, policy or Policy()
        self._first = Phase.MASK if plan.masking is None else Phase.ADVERTISE
        floors = self.policy.floors
        self._floors = replace(floors, min_clients=max(floors.min_clients, plan.min_clients))

    def enter(self, state: State, request: Request) -> State:
        """The state in the request's round: a new one if the request opens it.

        Raises:
            PlanMismatchError, RosterMismatchError: the server goes by another plan or roster.
            ExpiredRoundError: a round that is over for this client, or older than its last one.
            ForgottenRoundError: a round that this client knows nothing of, or no longer.
            RefusedError: this model was summed often enough.
        """
        terms = request.terms
        self._require_agreement(terms)
        if state.terms == terms:
            return state
        if state.terms is not None and terms.round <= state.terms.round:
            raise ExpiredRoundError(
                f"round {terms.round} is over, this client was in {state.terms.round}; drop its messages"
            )
        if request.phase is not self._first:
            raise ForgottenRoundError(
                f"this client has no state of round {terms.round}, as after a restart; it joins the next one"
            )
        if state.answered.count(terms.subject) >= self.policy.rounds_per_model:
            raise RefusedError("this model was summed before, and sums can be subtracted; train the next one")
        masking = None if self.plan.masking is None else New()
        return State(terms, masking, answered=state.answered)

    def answer(self, state: State, request: Request) -> tuple[State, bytes]:
        """The reply in any phase but `MASK`, from the state that `enter` gave.

        Raises:
            ExpiredRoundError: this client's part of the round is over.
            GradveilError: as `secagg.Client.step`.
        """
        asked = hashlib.sha256(request.to_bytes()).digest()
        if asked == state.asked:
            return state, state.reply
        event = Begin() if request.phase is Phase.ADVERTISE else request.payload
        following = self._step(state, event)
        reply = self._signed(request, following.payload)
        if request.phase is Phase.UNMASK:
            return state.finished(reply, asked), reply
        return replace(state, masking=following.state, asked=asked, reply=reply), reply

    def begin(
        self, state: State, request: Request, given: Given, sealed: bytes
    ) -> tuple[State, NDArray[np.float32] | None]:
        """Before the work of phase `MASK`: the encrypted part of the model, None if there is none yet.

        Args:
            state: that `enter` gave.
            request: of phase `MASK`.
            given: hashes of what came with the request.
            sealed: the encrypted part of the model, or empty.

        Raises:
            ModelMismatchError: another model or configuration than the round was opened with.
            ExpiredRoundError: this client has contributed already.
            GradveilError: as `secagg.Client.step` and `SealedModel.open`.
        """
        if given != request.terms.given:
            raise ModelMismatchError(
                "the model or configuration is not the one that the round was opened with; leave this server"
            )
        if state.over:
            raise ExpiredRoundError(f"this client is done with round {request.terms.round}; drop the request")
        if state.masking is not None:
            state = replace(state, masking=self._step(state, request.payload).state, asked=b"", reply=b"")
        if not sealed:
            return state, None
        return state, SealedModel.from_bytes(sealed, self.plan).open(self.plan, self.parties)

    def contribute(self, state: State, request: Request, trained: Trained) -> tuple[State, bytes]:
        """After the work: the upload; raises as `update_of` and `upload_of` do."""
        purpose, steps = request.terms.purpose, list[ClientState]()

        def mask(contribution: Contribute) -> bytes:
            following = self._step(state, contribution)
            steps.append(following.state)
            return following.payload

        update = update_of(self.plan, purpose, trained)
        masked = None if self.plan.masking is None else mask
        upload = upload_of(self.plan, purpose, update, request.terms.round, self.parties, masked)
        reply = self._signed(request, upload.to_bytes())
        return (replace(state, masking=steps[0]) if steps else state.finished()), reply

    def clipped(self, trained: Trained) -> int:
        """Number of masked values that secure aggregation changes, as they or their norm exceed the clip."""
        plan = self.plan
        if plan.masking is None or trained.after is None:
            return 0
        values = update_of(plan, Purpose.TRAIN, trained).vector[plan.train.masked_values]
        if plan.noise is None:
            return plan.encoding.clipped(values)
        return values.size if np.linalg.norm(values.astype(np.float64)) > plan.encoding.clip else 0

    def _require_agreement(self, terms: Terms) -> None:
        if terms.plan != self.plan.hash:
            raise PlanMismatchError("the server goes by another plan; give both the same file")
        if terms.roster != self.parties.roster.hash:
            raise RosterMismatchError("the server goes by another roster; compare both rosters' hashes")
        self.plan.split(terms.purpose)

    def _step(self, state: State, event: secagg.Event) -> _Following:
        if state.over or state.masking is None or state.terms is None:
            raise ExpiredRoundError("this client's part of the round is over; drop the request")
        following, messages = self._masking(state.terms).step(state.masking, event)
        return _Following(following, b"".join(message.payload for message in messages))

    def _masking(self, terms: Terms) -> secagg.Client:
        name, config = self.parties.identity.name, config_of(self.plan, terms)
        if config.adversary is Adversary.SEMI_HONEST:
            return secagg.Client(name, config, self._floors)
        parties = self.parties
        return secagg.Client(name, config, self._floors, identity=parties.identity, roster=parties.roster)

    def _signed(self, request: Request, payload: bytes) -> bytes:
        name = self.parties.identity.name
        return Reply(request.terms, request.phase, name, payload).to_bytes(self.parties.identity)
