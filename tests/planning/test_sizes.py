"""Bytes of real networks: what parameters predict is what a client sends."""

import pytest

from gradveil.planning import Candidate, Named, Protection, Threat, Training
from gradveil.planning.costs import predicted
from gradveil.planning.rates import measured_rates
from gradveil.planning.uploading import measured
from tests.planning.conftest import builder
from tests.shared_data import shared

E, M = Protection.ENCRYPTED, Protection.MASKED
HYBRID = Candidate(M, E, "random", 0.3)


def assert_agree(subject, candidate):
    made = builder(subject, Threat(corrupt=0.0))
    plan = made.plan(candidate)
    rates = measured_rates(made.plan(Candidate(M)), made.plan(Candidate(E)))
    sent = measured(plan, subject.before, subject.trained[0]).bytes
    assert predicted(plan, rates).bytes == pytest.approx(sent, rel=0.01)
    assert 2 * subject.layout.size < sent < 6 * subject.layout.size


@pytest.mark.parametrize("candidate", [Candidate(M), Candidate(E), HYBRID], ids=lambda one: one.name)
def test_a_lenet(candidate):
    assert_agree(Named("lenet@0").subject(Training()), candidate)


@pytest.mark.slow
@pytest.mark.parametrize("candidate", [Candidate(M), HYBRID], ids=lambda one: one.name)
def test_a_resnet18_of_torchvision(candidate):
    data = f"npz:{shared('cifar10_test_2k.npz')}"
    subject = Named("torchvision.models:resnet18", data).subject(Training(rate=0.01))
    assert subject.layout.size == 11_699_132
    assert_agree(subject, candidate)
