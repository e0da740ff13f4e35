"""The server: a usual Flower app, and one line of protection."""

from flwr.app import ArrayRecord, Context, MetricRecord
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg, Strategy

from flower_secagg.keys import FOLDER, PLAN, prepare
from flower_secagg.task import accuracy, held_out, network
from gradveil.fl import ServerParties
from gradveil.fl.flower import ProtectedStrategy
from gradveil.plan import load

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Train; the log shows the accuracy on held-out digits after each round."""
    strategy: Strategy = FedAvg()
    if context.run_config["protected"]:
        prepare(len(list(grid.get_node_ids())))
        strategy = ProtectedStrategy(strategy, load(PLAN), ServerParties.load(FOLDER / "roster"))
    result = strategy.start(
        grid=grid,
        initial_arrays=ArrayRecord(network().state_dict()),
        num_rounds=int(context.run_config["num-server-rounds"]),
        evaluate_fn=central_accuracy,
    )
    # So that whoever runs this app in a process of its own can ask how it went.
    context.state["accuracy"] = result.evaluate_metrics_serverapp[max(result.evaluate_metrics_serverapp)]


def central_accuracy(server_round: int, arrays: ArrayRecord) -> MetricRecord:
    """On digits that no client trains on."""
    model = network()
    model.load_state_dict(arrays.to_torch_state_dict())
    return MetricRecord({"accuracy": accuracy(model, held_out())})
