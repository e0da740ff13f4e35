"""Networks as an audit attacks them."""

from gradveil.audit.targets import Target

LENET = Target("mnist5k", "lenet", 0, 0)
CNN = Target("mnist5k", "cnn", 0, 0)
