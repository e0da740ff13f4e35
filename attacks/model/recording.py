"""Watching, and changing, what passes through the layers of a network."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Call:
    """One call of one layer: its only input and its output, before anything later changes it in place."""

    input: Tensor
    output: Tensor


def recorded(network: nn.Module, names: Sequence[str]) -> AbstractContextManager[dict[str, list[Call]]]:
    """Calls of the named layers, in order, while the context lasts."""
    return _recorded(network, names) if names else nullcontext({})


@contextmanager
def _recorded(network: nn.Module, names: Sequence[str]) -> Iterator[dict[str, list[Call]]]:
    calls: dict[str, list[Call]] = {name: [] for name in names}

    def watch(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            calls[name].append(Call(inputs[0], output))
            return output.clone()

        return hook

    with ExitStack() as stack:
        for name in names:
            handle = network.get_submodule(name).register_forward_hook(watch(name))
            stack.callback(handle.remove)
        yield calls


@contextmanager
def changed(network: nn.Module, changes: Mapping[str, Callable[[Tensor], Tensor]]) -> Iterator[None]:
    """Outputs of the named layers go through a function while the context lasts."""

    def change(function: Callable[[Tensor], Tensor]) -> Callable[[nn.Module, object, Tensor], Tensor]:
        return lambda module, inputs, output: function(output)

    with ExitStack() as stack:
        for name, function in changes.items():
            handle = network.get_submodule(name).register_forward_hook(change(function))
            stack.callback(handle.remove)
        yield
