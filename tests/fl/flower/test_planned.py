"""A file of `gradveil plan`, unchanged, is all that a Flower job needs besides its keys."""

import pytest

pytest.importorskip("flwr")

from flwr.app import Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp.strategy import FedAvg

from gradveil.fl import ServerParties
from gradveil.fl.flower import ProtectedMod, ProtectedStrategy, Settings, parties_in
from gradveil.plan import load
from tests.fl.flower.apps import arrays, run, values_of
from tests.fl.opening import opened
from tests.fl.planned import (
    CLIENTS,
    ENCRYPTED,
    MASKED,
    ROUNDS,
    assert_trained_as_without,
    made,
)
from tests.fl.planned import values_of as values_of_network

JOBS = MASKED | ENCRYPTED


@pytest.fixture(params=JOBS.values(), ids=JOBS.keys())
def planned(request, tmp_path):
    return made(tmp_path, request.param, [f"client-{number}" for number in range(CLIENTS)])


def client_app(planned, *mods):
    app = ClientApp(mods=list(mods))

    @app.train()
    def train(message, context):
        number = int(context.node_config["partition-id"])
        trained, examples, loss = planned.train(number, values_of(message.content["arrays"]))
        metrics = MetricRecord({"num-examples": examples, "loss": loss})
        return Message(RecordDict({"arrays": arrays(trained), "metrics": metrics}), reply_to=message)

    return app


def trained(planned, strategy, *mods):
    initial = arrays(values_of_network(planned.network))
    return run(strategy, client_app(planned, *mods), ROUNDS, initial=initial, nodes=CLIENTS)


def test_a_planned_job_trains_as_without_protection(planned):
    keys, plan = planned.keys, load(planned.plan)
    server_key = keys / "server.key"
    server = ServerParties.load(
        keys / "roster", keys / "identities" / "server.key", server_key if server_key.exists() else None
    )
    averaging = FedAvg(fraction_evaluate=0)
    strategy = ProtectedStrategy(averaging, plan, server, Settings(poll_seconds=0.02))
    protected = trained(planned, strategy, ProtectedMod(planned.plan, parties_in(keys)))
    plain = trained(planned, FedAvg(fraction_evaluate=0))
    values = opened(plan, keys, "client-0", values_of(protected.arrays), strategy.sealed_model)
    assert_trained_as_without(planned, plan, values, values_of(plain.arrays))
    assert [len(each.survivors) for each in strategy.reports] == [CLIENTS] * ROUNDS
    losses = [result.train_metrics_clientapp[ROUNDS].get("loss") for result in (protected, plain)]
    # An encrypted sum tells the server no metrics.
    assert losses[0] == (pytest.approx(losses[1], abs=0.01) if plan.metrics else None)
