"""Plans drawn by hypothesis."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

import he
from gradveil.exchange import Selection
from gradveil.plan import Masking, Metric, Placement, Plan, Purpose, Shrunk
from secagg import Adversary
from tests.exchange.strategies import layouts

PARAMS = (
    he.CkksParams.for_(clients=5, value_range=8.0, precision_bits=20),
    he.PackedParams.for_(clients=5, value_range=2.0, precision_bits=16),
)
MASKINGS = (
    Masking(threshold=4, clip=1.5),
    Masking(threshold=4, clip=0.1, adversary=Adversary.MALICIOUS, modulus_bits=48, bits=20),
    Masking(threshold=2, clip=8.0, neighbours=2, rounding="stochastic"),
)
NAMES = st.text("ab.é_ ", min_size=1, max_size=6)
FACTORS = st.integers(1, 40).map(lambda power: 2.0**power)
METRICS = st.builds(Metric, NAMES, st.floats(0.01, 100), st.sampled_from(Purpose))


@st.composite
def plans(draw):
    """Each coordinate encrypted, clear, dropped or masked, and whatever that asks for."""
    layout = draw(layouts())
    masking = draw(st.sampled_from((None, *MASKINGS)))
    most = 3 if masking is not None else 2
    places = np.array(draw(st.lists(st.integers(0, most), min_size=layout.size, max_size=layout.size)))
    parts = [Selection(layout, places == place, draw(NAMES)) for place in range(3)]
    if masking is not None:
        whole = [name for name, where in layout.slices.items() if (places[where] == 3).all()]
        masking = replace(masking, shrunk=tuple(Shrunk(name, draw(FACTORS)) for name in whole))
    metrics = draw(st.lists(METRICS, max_size=3, unique_by=lambda each: each.name))
    if masking is not None and not (places == 3).any():
        metrics = [*metrics, Metric("always there", 1.0)]
    return Plan(
        layout=layout,
        clients=5,
        max_weight=draw(st.integers(1, 500)),
        encrypted=parts[0],
        clear=parts[1],
        dropped=parts[2],
        encryption=draw(st.sampled_from(PARAMS)) if parts[0].mask.any() else None,
        masking=masking,
        weight=Placement.CLEAR if masking is None else Placement.MASKED,
        metrics=tuple(metrics),
    )
