"""Whether a model trains as well under a plan as without."""

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from gradveil.plan import Plan
from gradveil.planning.errors import PlanningError
from gradveil.planning.loading import Named
from gradveil.simulation import Setting, Trainer, simulate


@dataclass(frozen=True)
class Trained:
    """Accuracy on held-out images after some rounds, of the same clients without dropouts.

    Attributes:
        rounds: that were trained.
        plain: accuracy without protection.
        protected: the same under the plan.
    """

    rounds: int
    plain: float
    protected: float

    def as_record(self) -> dict[str, float]:
        """As JSON values."""
        return asdict(self)


def trained(named: Named, plan: Plan, rounds: int, rate: float) -> Trained:
    """Simulate both on the sample's images, `gradveil simulate` in short.

    Raises:
        PlanningError: a network that is none of gradveil.models.
        GradveilError: as `simulate` does, e.g. if a client has more images than the plan bears.
    """
    network, _, seed = named.model.partition("@")
    if ":" in named.model or named.value_range != (0.0, 1.0):
        raise PlanningError("--train simulates networks of gradveil.models on images in [0, 1] only")
    setting = Setting(named.data, network, clients=plan.clients, dropout=0.0, rate=rate, seed=int(seed or 0))
    trainer = Trainer(setting, named.device)
    with tempfile.TemporaryDirectory() as folder:
        results = simulate(setting, trainer, plan, rounds, Path(folder), lambda done, most: None)
    return Trained(rounds, results[-1].plain.accuracy, results[-1].protected.accuracy)
