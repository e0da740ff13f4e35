"""Both ways in this process, without Ray: `python examples/flower_secagg/run.py`."""

import argparse

from flower_secagg import client_app, server_app
from flower_secagg.keys import prepare

from gradveil.fl.flower.engine import simulate


def accuracy(protected: bool, nodes: int, rounds: int) -> float:
    """After the last round, on held-out digits."""
    config = {
        "num-server-rounds": rounds,
        "local-epochs": 2,
        "learning-rate": 0.02,
        "protected": protected,
    }
    context = simulate(server_app.app, client_app.app, nodes, run_config=config)
    return float(context.state["accuracy"]["accuracy"])


def main() -> None:
    """Train with and without protection and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    prepare(options.nodes)
    plain, masked = (accuracy(protected, options.nodes, options.rounds) for protected in (False, True))
    print(f"accuracy: {plain:.4f} unprotected, {masked:.4f} with secure aggregation")


if __name__ == "__main__":
    main()
