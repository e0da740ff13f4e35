import numpy as np
import pytest

from gradveil.exchange import observe
from gradveil.fl import LocalJob, Trained
from gradveil.planning import Candidate, Protection
from gradveil.planning.views import Victims, knowledge_of, observed, view_of
from tests.planning.conftest import ALONE, COLLUDING, READABLE, builder

E, M, C, D = Protection.ENCRYPTED, Protection.MASKED, Protection.CLEAR, Protection.DROPPED


def plan_of(subject, rest, slice_=None, threat=READABLE):
    return builder(subject, threat).plan(
        Candidate(rest, slice_, "sensitivity" if slice_ else "", 0.3 if slice_ else 0.0)
    )


@pytest.mark.parametrize(("rest", "slice_"), [(M, None), (E, None), (M, E), (C, E), (C, M), (M, D), (C, D)])
def test_a_view_is_what_the_wire_of_a_real_round_shows(subject, rest, slice_):
    """Coordinates that `observe` reads of single clients and of sums are those of the view."""
    plan, names = plan_of(subject, rest, slice_), [f"c{number}" for number in range(READABLE.clients)]
    record = LocalJob(plan, names, subject.before).run(
        lambda name, model: Trained(9, {}, model, subject.trained[0])
    )
    knowledge = knowledge_of(subject, Victims.of(subject, 1, 1), READABLE)
    seen = observe(plan.train.layout, record.uploads, record.released, knowledge)
    view = view_of(plan, subject, READABLE)
    for mask, clients in ((view.single, 1), (view.summed, READABLE.clients)):
        read = np.zeros(plan.train.layout.wire_size, dtype=bool)
        for reading in seen.readings:
            if len(reading.clients) == clients:
                read[reading.coords] = True
        assert np.array_equal(read[subject.parameters], mask)


def test_a_colluding_client_opens_what_is_encrypted(subject):
    plan = plan_of(subject, M, E)
    encrypted = plan.encrypted.mask[subject.parameters]
    assert not view_of(plan, subject, ALONE).single.any()
    assert np.array_equal(view_of(plan, subject, COLLUDING).single, encrypted)
    assert view_of(plan, subject, COLLUDING).summed.all()


def test_colluders_take_their_part_out_of_the_sum(subject):
    plan = plan_of(subject, M)
    assert view_of(plan, subject, ALONE).honest == 5
    assert view_of(plan, subject, COLLUDING).honest == 4


def test_a_sum_of_victims_is_the_sum_of_their_gradients(subject):
    view, victims = view_of(plan_of(subject, M), subject, ALONE), Victims.of(subject, 3, 2)
    knowledge = knowledge_of(subject, victims, ALONE)
    (reading,) = observed(view, subject, victims, knowledge, summed=True).readings
    gradients = [subject.model.gradient(victims.images[n], victims.labels[n]) for n in victims.images]
    assert reading.clients == set(victims.images)
    assert reading.values[:-1] == pytest.approx(sum(gradients).numpy(), abs=1e-6)
    assert reading.values[-1] == 6


def test_the_longest_update_of_a_noisy_sum_is_that_of_the_sample(subject):
    """Over its norm, the granted noise is as large as the plan's over the sample's."""
    plan = builder(subject, ALONE).plan(Candidate(M, noise=0.3))
    view, victims = view_of(plan, subject, ALONE), Victims.of(subject, 3, 1)
    knowledge = knowledge_of(subject, victims, ALONE)
    gradients = [subject.model.gradient(victims.images[n], victims.labels[n]) for n in victims.images]
    (reading,) = observed(view, subject, victims, knowledge, summed=True).readings
    longest = max(float(one.norm()) for one in gradients)
    assert reading.noise.std / longest == pytest.approx(plan.noise.sigma / subject.longest, rel=1e-5)
    off = reading.values[:-1] - sum(gradients).numpy()
    assert off.std() == pytest.approx(reading.noise.std, rel=0.05)
    assert reading.values[-1] == 3


def test_victims_are_no_public_images(subject):
    victims = Victims.of(subject, 40, 1)
    shown = {image.numpy().tobytes() for image in victims.images.values()}
    known = {image[None].numpy().tobytes() for image in (*subject.public.images, *subject.others[0])}
    assert len(shown) == 40
    assert not shown & known


def test_as_many_victims_as_go_round(subject):
    assert len(Victims.of(subject, 40, 8).images) == 64 // 8


def test_equal_views_have_equal_keys(subject):
    masked, again = (view_of(plan_of(subject, M), subject, ALONE) for _ in range(2))
    clear = view_of(plan_of(subject, C, M), subject, ALONE)
    assert masked.key == again.key != clear.key
