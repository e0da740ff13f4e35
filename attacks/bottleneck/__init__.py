"""Adversaries against variational bottlenecks, whose weights are public and whose noise is secret."""

from attacks.bottleneck.matching import BottleneckMatching
from attacks.bottleneck.noise import Bottleneck, bottleneck_of, noise_read
from attacks.bottleneck.recursion import BottleneckRecursion

__all__ = ["Bottleneck", "BottleneckMatching", "BottleneckRecursion", "bottleneck_of", "noise_read"]
