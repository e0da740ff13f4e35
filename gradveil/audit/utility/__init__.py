"""What a defense costs in accuracy: federated trainings behind each defense of an audit."""

from gradveil.audit.utility.run import measure_utilities
from gradveil.audit.utility.training import Federation, Training

__all__ = ["Federation", "Training", "measure_utilities"]
