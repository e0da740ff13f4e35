"""Forward-mode derivatives, without the warning that torch gives itself the first time."""

import warnings
from importlib import import_module

from torch.func import hessian, jvp

__all__ = ["hessian", "jvp"]

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the rules of jvp are made by torch.jit.script
    import_module("torch._decomp.decompositions_for_jvp")
