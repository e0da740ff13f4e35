"""What holds for every defense in the model, alone and in chains, as for those of batch and update."""

import copy

import numpy as np
import pytest
import torch

from attacks import Model
from gradveil.audit.cohort import Cohort, gradient_update
from gradveil.audit.defended import defend
from gradveil.defenses import (
    DefenseError,
    MixUp,
    SecureAggregation,
    Sign,
    Soteria,
    Stages,
    TopK,
    chain,
    identity,
    parts_of,
)
from gradveil.defenses.model import KeyLock, Precode, SecretPolarization
from gradveil.exchange import Upload, weighted_mean
from gradveil.models import build

SHAPE, CLASSES, BATCH = (1, 12, 12), 5, 3
MODEL = Model(build("lenet_bn", SHAPE, CLASSES, seed=0), SHAPE, CLASSES)
NAMES = ("ann", "bob", "cid")
DEFENSES = {
    "key lock": KeyLock(activation="sigmoid"),
    "key lock, all": KeyLock("all"),
    "secret polarization": SecretPolarization(0.5, bits=8),
    "precode": Precode(6),
}
DEFENDED = {
    **DEFENSES,
    "key lock, top-k": chain(KeyLock(), TopK(0.2)),
    "mixup, precode, sign": chain(MixUp(), Precode(6), Sign()),
}

every_defense = pytest.mark.parametrize("defense", DEFENSES.values(), ids=DEFENSES.keys())
every_chain = pytest.mark.parametrize("defense", DEFENDED.values(), ids=DEFENDED.keys())


def cohort():
    rng = np.random.default_rng(0)
    images = {name: rng.random((BATCH, *SHAPE), dtype=np.float32) for name in NAMES}
    labels = {name: tuple(rng.integers(CLASSES, size=BATCH).tolist()) for name in NAMES}
    updates = {name: gradient_update(MODEL, images[name], labels[name]) for name in NAMES}
    return Cohort(images, labels, updates, None)


def defended(defense, seed=0):
    return defend(defense, cohort(), MODEL, seed)


def played(defense, done):
    """Uploads and recovered mean of a round at the defense's wire."""
    session = Stages.of(defense).open(NAMES, done.model.layout, np.random.default_rng(0))
    uploads = [session.protect(name, update) for name, update in done.cohort.updates.items()]
    return uploads, session.recover(session.aggregate(uploads))


@every_defense
def test_identity_changes_no_defense(defense):
    assert chain(identity, defense) == defense == chain(defense, identity) == chain(defense)
    assert parts_of(chain(MixUp(), defense, TopK(0.1)))[1] == defense


@every_defense
def test_its_place_is_between_batch_and_update(defense):
    for wrong in ((TopK(0.1), defense), (defense, MixUp()), (SecureAggregation(), defense)):
        with pytest.raises(DefenseError, match="in the order batch, model, update, wire; swap them"):
            chain(*wrong)
    with pytest.raises(DefenseError, match="only one defense can act at the model"):
        chain(defense, KeyLock(key_size=7))
    with pytest.raises(DefenseError, match="does not know the client's private model"):
        chain(defense, Soteria())


@every_chain
def test_updates_are_of_the_public_network_and_repeat_for_a_seed_only(defense):
    one, same, other = (defended(defense, seed) for seed in (0, 0, 1))
    for name in NAMES:
        assert one.cohort.updates[name].layout == one.model.layout
        assert one.cohort.updates[name].vector.tobytes() == same.cohort.updates[name].vector.tobytes()
        assert one.cohort.updates[name].vector.tobytes() != other.cohort.updates[name].vector.tobytes()
    assert one.seconds >= 0


@every_defense
def test_every_client_has_secrets_of_its_own(defense):
    images, labels = torch.rand(BATCH, *SHAPE, generator=torch.Generator().manual_seed(1)), (0, 1, 2)
    alike = Cohort(dict.fromkeys(NAMES, images.numpy()), dict.fromkeys(NAMES, labels), cohort().updates, None)
    sent = defend(defense, alike, MODEL, 0).cohort.updates
    assert len({update.vector.tobytes() for update in sent.values()}) == len(NAMES)


@every_defense
def test_the_adversarys_model_holds_no_secret(defense):
    one, other = (defended(defense, seed).model for seed in (0, 1))
    first, second = one.network.state_dict(), other.network.state_dict()
    assert set(first) == set(second)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert sum(p.numel() for p in one.network.parameters()) == one.layout.size
    assert not any(tensor.shape == (1024,) for tensor in one.network.buffers())


@every_chain
def test_a_client_recovers_the_mean_of_what_was_sent(defense):
    done = defended(defense)
    _, mean = played(defense, done)
    expected = weighted_mean(list(done.cohort.updates.values())).vector
    np.testing.assert_allclose(mean.vector, expected, atol=1e-5)
    _, masked = played(chain(defense, SecureAggregation()), done)
    np.testing.assert_allclose(masked.vector, expected, atol=1e-4)


@every_defense
def test_the_truth_is_the_mean_of_the_clients_own_gradients(defense):
    done = defended(defense)
    np.testing.assert_allclose(played(defense, done)[1].vector, done.truth.vector, atol=1e-5)
    pruned = defended(chain(defense, TopK(0.2)))
    np.testing.assert_allclose(pruned.truth.vector, done.truth.vector)
    assert not np.allclose(played(chain(defense, TopK(0.2)), pruned)[1].vector, done.truth.vector)


@every_chain
def test_messages_survive_the_wire_and_their_size_is_honest(defense):
    done = defended(defense)
    for upload in played(defense, done)[0]:
        again = Upload.from_bytes(upload.to_bytes(), done.model.layout)
        assert again.to_bytes() == upload.to_bytes()
        assert upload.nbytes == len(upload.to_bytes())


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("key lock", MODEL.layout.size - 2 * 12),
        ("secret polarization", MODEL.layout.size),
        ("precode", MODEL.layout.size + 108 * 2 * 6 + 2 * 6 + 6 * 108 + 108),
    ],
)
def test_what_travels_is_what_is_public(name, parameters):
    """A lock's scales and shifts never do, private heads neither; a bottleneck's weights all do."""
    upload = played(DEFENSES[name], defended(DEFENSES[name]))[0][0]
    assert 4 * parameters <= upload.nbytes < 4 * parameters + 400


def still(defense):
    """A client, and a batch whose labels are what its own network says."""
    client = defense.client(copy.deepcopy(defense.public(MODEL.network)), CLASSES, 0)
    images = torch.rand(BATCH, *SHAPE, generator=torch.Generator().manual_seed(0))
    return client.gradient(images, client.network(images).softmax(1).detach())


@pytest.mark.parametrize(
    "defense", [KeyLock(), KeyLock("all", "sigmoid"), SecretPolarization(0.0)], ids=lambda one: one.name
)
def test_a_client_that_learns_nothing_sends_nothing(defense):
    assert max(float(one.abs().max()) for one in still(defense).values()) < 1e-6


def test_a_private_loss_moves_the_backbone_and_never_the_public_head():
    found = still(SecretPolarization(0.5))
    assert max(float(found[name].abs().max()) for name in list(found)[-2:]) < 1e-6
    assert float(found["0.weight"].abs().max()) > 1e-3
