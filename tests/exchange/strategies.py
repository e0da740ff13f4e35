"""Layouts, coordinates, parts and messages drawn by hypothesis."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradveil.exchange import Clear, Download, Layout, Sealed, Selection, Update, Upload, coords

NAMES = st.text(min_size=1, max_size=12).filter(str.isprintable)
FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)
SHAPES = st.lists(st.integers(1, 5), max_size=3).map(tuple)


@st.composite
def layouts(draw):
    """One to four small tensors, scalars among them."""
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    shapes = draw(st.lists(SHAPES, min_size=len(names), max_size=len(names)))
    return Layout(tuple(names), tuple(shapes))


@st.composite
def masks(draw, size):
    """Scattered and solid masks: both forms that coordinates take on the wire."""
    if draw(st.booleans()):
        return draw(hnp.arrays(np.bool_, size))
    start, stop = sorted((draw(st.integers(0, size)), draw(st.integers(0, size))))
    mask = np.zeros(size, dtype=np.bool_)
    mask[start:stop] = True
    return mask


def vectors(size):
    """Finite float32 vectors."""
    return hnp.arrays(np.float32, size, elements=FINITE)


@st.composite
def updates(draw, layout):
    """An update of moderate size, so that weight times vector stays finite."""
    elements = st.floats(-1e6, 1e6, width=32)
    return Update(
        layout, draw(hnp.arrays(np.float32, layout.size, elements=elements)), draw(st.integers(1, 1000))
    )


@st.composite
def parts(draw, layout):
    """Up to two disjoint parts, clear or sealed, over the coordinates of a contribution."""
    mask = draw(masks(layout.wire_size))
    halves = [coords.from_mask(mask), coords.from_mask(~mask)]
    return tuple(draw(_part(where)) for where in halves[: draw(st.integers(0, 2))])


@st.composite
def _part(draw, where):
    if draw(st.booleans()):
        return Clear(where, draw(vectors(where.size)))
    return Sealed(where, draw(NAMES), draw(st.binary(max_size=40)))


@st.composite
def uploads(draw):
    """Up to two parts from a named client."""
    layout = draw(layouts())
    return Upload(draw(NAMES), layout, draw(parts(layout)))


@st.composite
def downloads(draw):
    """Up to two parts over up to four clients."""
    layout = draw(layouts())
    clients = draw(st.frozensets(NAMES, min_size=1, max_size=4))
    return Download(clients, layout, draw(parts(layout)))


@st.composite
def selections(draw):
    """Any mask under any short strategy name."""
    layout = draw(layouts())
    return Selection(layout, draw(masks(layout.size)), draw(NAMES))
