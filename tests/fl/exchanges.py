"""One client and one server, step by step, for tests that interfere with either."""

import secrets

import numpy as np

from gradveil.fl import Client, Given, Participant, RoundServer, Terms, Trained
from gradveil.fl.messages import Request
from gradveil.plan import Purpose
from secagg.phases import Phase
from tests.fl.jobs import CLIENTS, LAYOUT, Training, job

SESSION = secrets.token_bytes(16)
GIVEN = Given(b"m" * 32, b"c" * 32)


class Work:
    """A training without a framework."""

    sealed = b""

    def __init__(self, trained=None, given=GIVEN):
        self._trained, self._given = trained, given
        self.runs = 0

    def given(self):
        return self._given

    def run(self, encrypted):
        self.runs += 1
        return self._trained


class Table:
    """Participants and a server of one plan, with real keys.

    Replies are carried by `collect`, so that a test can change or withhold any of them.
    """

    def __init__(self, plan, policy=None, round_=1, given=GIVEN, gate=None, journal=None, deadlines=None):
        made = job(plan)
        self.plan, self.parties, self.server_parties = plan, made.parties, made.server
        self.people = {
            name: Participant(Client(plan, parties, policy), gate=gate)
            for name, parties in made.parties.items()
        }
        self.training, self.model = Training(), np.zeros(LAYOUT.size, np.float32)
        self.open(round_, given, journal, deadlines)

    def open(self, round_, given=GIVEN, journal=None, deadlines=None, purpose=Purpose.TRAIN):
        roster = self.server_parties.roster.hash
        self.terms = Terms(SESSION, round_, purpose, given, self.plan.hash, roster)
        self.server = RoundServer(
            self.plan, self.terms, self.server_parties, CLIENTS, journal=journal, deadlines=deadlines
        )

    def work(self, name):
        return Work(self.training(name, self.model), self.terms.given)

    def answer(self, name):
        return self.people[name].handle(self.server.requests[name], self.work(name))

    def collect(self, names=CLIENTS, *, phase=None):
        """Everybody among `names` answers in this phase."""
        phase = phase or self.server.phase
        for name in names:
            if self.server.phase is phase and name in self.server.requests:
                self.server.receive(name, self.answer(name))

    def until(self, phase):
        """All phases before this one."""
        while self.server.phase is not phase:
            self.collect()

    def finish(self):
        """All phases."""
        while self.server.phase is not None:
            self.collect()
        return self.server.outcome()


def request(terms, phase=Phase.ADVERTISE, payload=b""):
    return Request(terms, phase, payload).to_bytes()


def trained(weight=3):
    model = np.zeros(LAYOUT.size, np.float32)
    return Trained(weight, {"loss": 1.0}, model, model + 1)
