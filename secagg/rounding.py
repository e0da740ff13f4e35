"""From float32 values to whole steps, block by block, so that float64 temporaries stay in the cache."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Generator = np.random.Generator
Floats = NDArray[np.float64]

_BLOCK = 1 << 14
_UNIT = 2.0**-32


def fast_generator() -> Generator:
    """A generator seeded from the operating system, for rounding only.

    SFC64 is no cipher. Rounding noise hides nothing, it only makes errors average out, so speed decides;
    masks and privacy noise come from AES (`secagg.masking`, `secagg.noise`).
    """
    return np.random.Generator(np.random.SFC64())


def whole_steps(
    vector: NDArray[np.float32], step: float, levels: int, generator: Generator | None = None
) -> Iterator[tuple[slice, NDArray[np.int64]]]:
    """Blocks of round(x / step) within -levels .. levels, int64, from finite float32 values (n,).

    Without a generator each value goes to the nearest step (ties to even). With one it goes up with the
    probability of its fraction, counted in 2^-32, so its mean is its value to 2^-32 of a step.
    The yielded array is reused: the caller may change it, and must copy what it keeps.
    """
    size = min(_BLOCK, vector.size)
    scaled, counts = np.empty(size), np.empty(size, dtype=np.int64)
    for start in range(0, vector.size, _BLOCK):
        values = vector[start : start + _BLOCK]
        part, whole = scaled[: values.size], counts[: values.size]
        np.divide(values, step, out=part, dtype=np.float64)
        np.clip(part, -levels, levels, out=part)
        if generator is None:
            np.rint(part, out=part)
        else:
            _round_at_random(part, generator)
        np.copyto(whole, part, casting="unsafe")
        yield slice(start, start + values.size), whole


def _round_at_random(values: Floats, generator: Generator) -> None:
    # floor and the comparison are exact, while floor(x + u) would round x + u first.
    floors = np.floor(values)
    np.subtract(values, floors, out=values)
    np.add(floors, _uniform(values.size, generator) < values, out=values)


def _uniform(count: int, generator: Generator) -> Floats:
    """Multiples of 2^-32 in [0, 1)."""
    words = np.asarray(generator.bit_generator.random_raw((count + 1) // 2), dtype=np.uint64)
    return np.multiply(words.view(np.uint32)[:count], _UNIT, dtype=np.float64)
