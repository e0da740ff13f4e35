"""Processes of this example, none of which outlives its context."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

_ROOT = Path(__file__).parents[2]


class Children:
    """Started by name; killed and waited for on leaving the context, however that happens."""

    def __init__(self) -> None:
        self._processes: dict[str, Process] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes.values():
            with suppress(ProcessLookupError):
                process.kill()
        for process in self._processes.values():
            await process.wait()

    async def start(self, name: str, module: str, *arguments: str, fd: int | None = None) -> None:
        """Run a module of this example; it inherits the descriptor `fd`."""
        self._processes[name] = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            f"examples.secagg_tls.{module}",
            *arguments,
            cwd=_ROOT,
            stdin=DEVNULL,
            stdout=PIPE,
            pass_fds=() if fd is None else (fd,),
        )

    async def lines(self, name: str) -> AsyncIterator[str]:
        """What it prints, until it ends."""
        output = self._processes[name].stdout
        if output is not None:
            async for line in output:
                yield line.decode().rstrip()

    async def wait(self, name: str) -> int:
        """Its exit status, negative for a signal."""
        return await self._processes[name].wait()
