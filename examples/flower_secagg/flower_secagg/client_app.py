"""The client: a usual Flower app, and two lines of protection."""

from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.clientapp.typing import ClientAppCallable

from flower_secagg.keys import FOLDER, PLAN
from flower_secagg.task import accuracy, network, shard, train
from gradveil.fl.flower import ProtectedMod, parties_in

protect = ProtectedMod(PLAN, parties_in(FOLDER))


def mod(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
    """`ClientApp(mods=[protect])` is all that an app needs; this one can be run unprotected, to compare."""
    return (protect if context.run_config["protected"] else _nothing)(message, context, call_next)


app = ClientApp(mods=[mod])


@app.train()
def fit(message: Message, context: Context) -> Message:
    """Train on this node's shard."""
    model, config = network(), context.run_config
    model.load_state_dict(message.content["arrays"].to_torch_state_dict())
    data = shard(int(context.node_config["partition-id"]), int(context.node_config["num-partitions"]))
    seed = int(message.content["config"]["server-round"])
    loss = train(model, data, int(config["local-epochs"]), float(config["learning-rate"]), seed)
    metrics = MetricRecord({"num-examples": len(data[0]), "train-loss": loss})
    return Message(
        RecordDict({"arrays": ArrayRecord(model.state_dict()), "metrics": metrics}), reply_to=message
    )


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    """Accuracy of the global model on this node's shard."""
    model = network()
    model.load_state_dict(message.content["arrays"].to_torch_state_dict())
    data = shard(int(context.node_config["partition-id"]), int(context.node_config["num-partitions"]))
    metrics = MetricRecord({"num-examples": len(data[0]), "accuracy": accuracy(model, data)})
    return Message(RecordDict({"metrics": metrics}), reply_to=message)


def _nothing(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
    return call_next(message, context)
