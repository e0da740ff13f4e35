"""Which slice to encrypt, from the network and public images, and what it leaves readable."""

from gradveil.calibration.adversarial import adversarial, leaked
from gradveil.calibration.errors import CalibrationError
from gradveil.calibration.examples import PUBLIC, Examples
from gradveil.calibration.gradients import label_derivatives, maskcrypt, sensitivity, unlabelled_sensitivity
from gradveil.calibration.information import information
from gradveil.calibration.predictor import PREDICTABLE_PIXELS, Prediction, predict
from gradveil.calibration.row_norm import row_norm, row_norm_per_gradient
from gradveil.calibration.strategies import CALIBRATED, NAMES, rank

__all__ = [
    "CALIBRATED",
    "NAMES",
    "PREDICTABLE_PIXELS",
    "PUBLIC",
    "CalibrationError",
    "Examples",
    "Prediction",
    "adversarial",
    "information",
    "label_derivatives",
    "leaked",
    "maskcrypt",
    "predict",
    "rank",
    "row_norm",
    "row_norm_per_gradient",
    "sensitivity",
    "unlabelled_sensitivity",
]
