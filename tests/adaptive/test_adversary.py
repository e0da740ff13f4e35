"""Every defense before the wire has an adversary that knows it, and that does better for it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from attacks import preset
from attacks.evidence import UnmaskedColumns, readable
from attacks.featured import FeatureMatching
from attacks.labelling import Joint
from attacks.likelihoods import Clipped, Cosine, Gridded, Laplace, LargestRead, PruningMixture
from attacks.matching import GradientMatching
from attacks.portfolio.searching import matching_of
from gradveil.adaptive import adversary_of
from gradveil.adaptive.helpers import NATURAL
from gradveil.defenses import (
    ATS,
    AdaDefense,
    BatchDefense,
    Censor,
    ClippedNoise,
    DefenseError,
    Gaussian,
    InstaHide,
    MixUp,
    Outpost,
    PrivateGradient,
    RandomPruning,
    SecureAggregation,
    Sign,
    Soteria,
    Stages,
    TopK,
    Uniform,
    Work,
    chain,
    identity,
)
from gradveil.exchange import Knowledge, observe
from gradveil.metrics import psnr
from tests.attacks.cases import CLIENT, images_of, network, update_of
from tests.laws.clients import CASES

PLAIN = replace(preset("mask_aware"), double=True)
"""Who knows that there is no defense."""

every_defense = pytest.mark.parametrize("made", CASES.values(), ids=CASES.keys())


def believed(defense):
    """The gradient matching inside the adversary's search."""
    return matching_of(adversary_of(defense).search)


@every_defense
def test_every_defense_has_its_adversary(made):
    attack = adversary_of(made.defense)
    assert attack == adversary_of(chain(made.defense, SecureAggregation())) or isinstance(
        believed(made.defense).likelihood, Gridded | LargestRead
    )
    assert attack.assumptions["likelihood"] == repr(believed(made.defense).likelihood)


def test_nothing_to_know_leaves_the_mask_aware_search():
    assert adversary_of(identity).search == PLAIN == adversary_of(SecureAggregation()).search


@every_defense
def test_whoever_knows_a_defense_is_helped_by_those_who_do_not(made):
    attack = adversary_of(made.defense)
    assert "closed_form" in attack.helpers
    assert ("mask_aware" in attack.helpers) == (attack.search != PLAIN)
    assert ("bayes" in attack.helpers) == (made.defense.noise is not None)


def test_examples_of_a_batch_are_told_apart_first():
    assert "separated_matching" in adversary_of(identity, batch=4).helpers
    assert "separated_matching" not in adversary_of(identity).helpers


def test_the_bayes_adversary_has_the_density_of_the_noise():
    helper = adversary_of(ClippedNoise(1.0, 0.1, "laplace")).helpers["bayes"]
    assert helper.likelihood == Clipped(1.0, 1, Laplace())


def test_an_adversary_knows_all_parts_of_a_chain():
    attack = believed(chain(MixUp(), Soteria(0.5), ClippedNoise(1.0, 0.1)))
    assert isinstance(attack.labelling, Joint)
    assert isinstance(attack.view, UnmaskedColumns)
    assert isinstance(attack.likelihood, Clipped)


@pytest.mark.parametrize(
    "parts",
    [
        (TopK(0.1),),
        (MixUp(), TopK(0.1)),
        (AdaDefense(), TopK(0.1)),
        (TopK(0.1), AdaDefense()),
        (ClippedNoise(1.0, 0.1), TopK(0.1)),
        (TopK(0.1), Uniform(8)),
    ],
    ids=lambda parts: chain(*parts).name,
)
def test_what_top_k_drops_is_bounded_after_all_that_the_likelihood_undoes(parts):
    likelihood = believed(chain(*parts)).likelihood
    assert isinstance(likelihood, LargestRead)
    assert likelihood.read == believed(chain(*(part for part in parts if part != TopK(0.1)))).likelihood or (
        isinstance(likelihood.read, Gridded)
    )


@pytest.mark.parametrize(
    "other", [Soteria(0.5), RandomPruning(0.5), Outpost(), Censor(), Sign()], ids=lambda part: part.name
)
def test_nothing_bounds_what_others_hide_or_what_has_no_size(other):
    assert not isinstance(believed(chain(other, TopK(0.1))).likelihood, LargestRead)


def test_of_a_lot_of_several_only_the_direction_is_known():
    assert isinstance(believed(PrivateGradient(1.0, 1.0)).likelihood, Clipped)
    assert isinstance(believed(PrivateGradient(1.0, 1.0, lot=8)).likelihood, Cosine)


@pytest.mark.parametrize("defense", [Gaussian(0.1), ClippedNoise(1.0, 0.1), Sign(), Uniform(4)])
def test_where_readings_have_errors_images_are_believed_to_be_smooth(defense):
    assert believed(defense).prior == NATURAL
    assert believed(identity).prior == preset("mask_aware").prior


def test_a_defense_that_nobody_attacks_is_named():
    class Novel(BatchDefense):
        name = "novel"
        claim = "none"

        def feed(self, images, labels, rng):
            return images, labels

    with pytest.raises(DefenseError, match="no adaptive adversary is known for 'novel'"):
        adversary_of(Novel())


LENET = network("lenet")
SHARE = 0.8


def observed(defense, model=LENET):
    """What the server holds of a client behind a defense, and the image that was fed in."""
    images = images_of(model)
    rng = np.random.default_rng(0)
    stages = Stages.of(defense)
    images, _ = stages.feed(images, torch.eye(10)[[3]], torch.Generator().manual_seed(0))
    update, work = update_of(model, images, [3]), Work(model.network, images, torch.tensor([3]))
    sent = stages.open([CLIENT], model.layout, rng).protect(CLIENT, stages.apply(update, work, rng))
    knowledge = Knowledge("test", "ce", 10, model.input_shape, 1, labels={CLIENT: (3,)}, noise=defense.noise)
    return observe(model.layout, [sent], [], knowledge), images


def test_masked_columns_are_left_out_and_others_are_exact():
    observation, images = observed(Soteria(SHARE))
    layer = LENET.linear_layers[-1]
    part = LENET.layout.slices[f"{layer}.weight"]
    seen, plain = (view(observation, CLIENT, LENET) for view in (UnmaskedColumns(), readable))
    true = LENET.gradient(images, torch.tensor([3]))
    torch.testing.assert_close(seen.values[seen.mask], true[seen.mask])
    assert seen.mask[part].float().mean() == pytest.approx(1 - SHARE, abs=0.02)
    assert not torch.allclose(plain.values, true)
    outside = torch.ones_like(seen.mask)
    outside[part] = False
    assert seen.mask[outside].all()


def mse(defense, attack):
    observation, images = observed(defense)
    found = attack.reconstruct(observation, LENET, client=CLIENT, rng=torch.Generator().manual_seed(0))
    return float(np.square(found.images - images.numpy()).mean())


@pytest.mark.parametrize(
    "defense",
    [Soteria(SHARE), ClippedNoise(0.5, 1e-4), AdaDefense(), Outpost()],
    ids=["soteria", "clipped", "stand-in", "outpost"],
)
def test_knowing_the_defense_finds_what_a_standard_attack_misses(defense):
    assert mse(defense, adversary_of(defense)) < 0.1 * mse(defense, preset("mask_aware"))


@pytest.mark.parametrize("defense", [Soteria(SHARE), ATS("7-4-15")], ids=["soteria", "ats"])
def test_what_the_first_linear_layer_sees_gives_the_image_that_was_fed_in(defense):
    model = network("cnn", (1, 8, 8))
    observation, images = observed(defense, model)
    found = adversary_of(defense).reconstruct(
        observation, model, client=CLIENT, rng=torch.Generator().manual_seed(0)
    )
    assert psnr(found.images, images.numpy())[0] > 90


def test_other_changes_of_the_update_leave_nothing_to_read_exactly():
    assert isinstance(adversary_of(chain(Soteria(SHARE), TopK(0.1))).search, FeatureMatching)
    assert isinstance(adversary_of(chain(Soteria(SHARE), Uniform(8))).search, GradientMatching)


def test_a_tenth_of_the_coordinates_is_enough():
    assert mse(TopK(0.1), adversary_of(TopK(0.1))) < 0.01


def test_noise_at_the_wire_hides_which_coordinates_were_pruned():
    hidden = believed(chain(RandomPruning(0.5), ClippedNoise(1.0, 0.1), Gaussian(0.1))).likelihood
    assert isinstance(hidden, Clipped)
    assert isinstance(hidden.noise, PruningMixture)
    assert hidden.noise.probability == 0.5
    seen = believed(chain(RandomPruning(0.5), ClippedNoise(1.0, 0.1))).likelihood
    assert not isinstance(seen.noise, PruningMixture)


def test_hidden_images_are_sought_in_the_range_that_they_have():
    attack = believed(InstaHide(2, centre=0.1))
    assert isinstance(attack.labelling, Joint)
    assert (attack.prior.low, attack.prior.high) == (pytest.approx(-0.8), 1.0)
