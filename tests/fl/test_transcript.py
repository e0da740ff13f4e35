"""What a server process receives contains no client's contribution, but where the plan says clear."""

import numpy as np
import pytest

from gradveil.exchange import Clear, Layout
from gradveil.fl import LocalJob
from gradveil.fl.contribution import update_of
from gradveil.plan import Masking, Metric, Placement, Plan, Purpose
from tests.fl.jobs import CLIENTS, EVERYTHING, HYBRID, MALICIOUS, SELECTIVE, Training, job
from tests.fl.jobs import MASKED as MASKED_PLAN

SIZE = 4000
RUN = 16
"""Bytes that are searched for at a time."""

FAR = 7.0
"""Standard deviations that uniform numbers do not reach: masks are of the operating system's randomness."""

by_plan = pytest.mark.parametrize(
    "plan",
    [MASKED_PLAN, MALICIOUS, HYBRID, EVERYTHING, SELECTIVE],
    ids=["masked", "malicious", "hybrid", "everything", "selective"],
)


def received(record):
    return [each.payload for each in record.messages if each.receiver == "server"]


def forms(values):
    """Neighbouring values as they could stand in a message: float32 and float64, either byte order.

    Sixteen bytes, as four are found by chance in a megabyte of ciphertext.
    """
    for kind in ("<f4", ">f4", "<f8", ">f8"):
        packed, width = values.astype(kind).tobytes(), np.dtype(kind).itemsize
        yield from (packed[at : at + RUN] for at in range(0, len(packed) - RUN + 1, width))


@by_plan
def test_no_value_of_a_contribution_stands_in_a_message_but_clear_ones(plan):
    training = Training()
    found = job(plan)
    before = found.opened_model()
    record = found.run(training)
    clear = set(plan.train.clear.tolist())
    blob = b"|".join(received(record))
    for name in CLIENTS:
        update = update_of(plan, Purpose.TRAIN, training(name, before))
        hidden = [place for place in range(plan.layout.size) if place not in clear]
        weighted = update.contribution()
        searched = [*forms(update.vector[hidden]), *forms(weighted[hidden])]
        assert searched
        assert not any(form in blob for form in searched if any(form))
        shown = weighted[sorted(clear)].astype("<f4").tobytes()
        assert shown in blob  # the search finds what is there


@by_plan
def test_the_weight_and_the_metrics_are_where_the_plan_puts_them(plan):
    record = job(plan).run(Training())
    for upload in record.uploads:
        clear = [part for part in upload.parts if isinstance(part, Clear)]
        coords = {int(place) for part in clear for place in part.coords}
        exposed = upload.layout.weight_coord in coords
        assert exposed == (plan.weight is Placement.CLEAR)


def uniformity(ring, bits):
    """Chi-square over the top byte, as the distance from its mean in standard deviations."""
    counts = np.bincount((ring >> np.uint32(bits - 8)).astype(np.int64), minlength=256)
    expected = ring.size / 256
    return (((counts - expected) ** 2 / expected).sum() - 255) / np.sqrt(2 * 255)


def test_masked_inputs_are_uniform_and_unmasked_ones_would_not_be():
    layout = Layout(("w",), ((SIZE,),))
    masking = Masking.for_(clients=4, clip=1.0)
    plan = Plan.of(layout, clients=4, max_weight=1, masking=masking, metrics=(Metric("loss", 16.0),))
    names = CLIENTS[:4]
    training = Training(names, layout)
    training.weights = dict.fromkeys(names, 1)
    training.steps = {name: step.clip(-0.9, 0.9) for name, step in training.steps.items()}
    record = LocalJob(plan, names, np.zeros(SIZE, np.float32)).run(training)
    for upload in record.uploads:
        (part,) = upload.parts
        packed = part.payload[-4 * (SIZE + 2) :]
        ring = np.frombuffer(packed, "<u4")
        assert abs(uniformity(ring, 32)) < FAR
        plain = plan.encoding.encode(training.steps[upload.client], 1)
        assert abs(uniformity(plain, 32)) > FAR
