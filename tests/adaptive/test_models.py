"""Defenses in the model have adversaries that know them, and closed forms only where readings are exact."""

import pytest

from attacks import ClosedFormLinear, Joint
from attacks.bottleneck import BottleneckMatching, BottleneckRecursion
from attacks.forked import ForkedRecursion, ForkMatching
from attacks.likelihoods import LargestRead
from attacks.locked import LockedMatching, LockedRecursion
from gradveil.adaptive import adversary_of
from gradveil.defenses import (
    ClippedNoise,
    DefenseError,
    Gaussian,
    MixUp,
    ModelDefense,
    RandomPruning,
    SecureAggregation,
    TopK,
    Uniform,
    chain,
)
from gradveil.defenses.model import KeyLock, Precode, SecretPolarization

KINDS = {
    "key lock": (KeyLock(), (LockedRecursion, LockedMatching)),
    "secret polarization": (SecretPolarization(0.1), (ForkedRecursion, ForkMatching)),
    "precode": (Precode(), (ClosedFormLinear, BottleneckRecursion, BottleneckMatching)),
}

every_kind = pytest.mark.parametrize(("defense", "members"), KINDS.values(), ids=KINDS.keys())


@every_kind
@pytest.mark.parametrize("rest", [(), (SecureAggregation(),), (RandomPruning(0.5),), (TopK(0.1),)])
def test_closed_forms_come_first_where_readings_are_the_gradients_own(defense, members, rest):
    attack = adversary_of(chain(defense, *rest))
    assert (*map(type, attack.closed), type(attack.search)) == members


@every_kind
@pytest.mark.parametrize("rest", [(Uniform(8),), (ClippedNoise(1.0, 0.1),), (Gaussian(0.1),)])
def test_changed_readings_are_searched_by_who_knows_both(defense, members, rest):
    attack = adversary_of(chain(defense, *rest))
    assert (type(attack.search), attack.closed) == (members[-1], ())


def test_the_search_knows_the_other_parts_and_the_knobs():
    attack = adversary_of(chain(MixUp(), KeyLock(), TopK(0.1))).search
    assert isinstance(attack.matching.labelling, Joint)
    assert isinstance(attack.matching.likelihood, LargestRead)
    bottleneck = adversary_of(chain(Precode(8, 0.5, layer="3"), Uniform(8))).search
    assert (bottleneck.encoder, bottleneck.divergence) == ("3.bottleneck.encoder", 0.5)
    assert not bottleneck.reads
    assert adversary_of(chain(SecretPolarization(1.0, 0.5), TopK(0.1))).search.public_weight == 0.5


def test_a_defense_that_nobody_attacks_is_named():
    class Novel(ModelDefense):
        name = "novel"
        claim = "none"

        def public(self, network):
            return network

        def client(self, network, classes, seed=None):
            raise NotImplementedError

    with pytest.raises(
        DefenseError, match="no adaptive adversary is known for 'novel'; there is one for Key"
    ):
        adversary_of(Novel())
