"""Networks whose float type is not that of a search."""

from itertools import chain

from torch import Tensor, nn


def in_own_type(network: nn.Module, inputs: Tensor) -> Tensor:
    """A network's output for inputs of any float type: computed in the network's, returned in theirs."""
    own = next(chain(network.parameters(), network.buffers()), inputs)
    output: Tensor = network(inputs.to(own.dtype))
    return output.to(inputs.dtype)
