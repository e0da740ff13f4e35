"""The axes of an audit: seeds, data sets and steps of training."""

import numpy as np
import pytest

from gradveil.audit import AuditConfig, ConfigError
from gradveil.audit.plan import cases
from gradveil.audit.runner import Runner
from gradveil.audit.toml import parse

TOML = """\
name = "grid"
models = ["relu_mlp"]
victims = 2
attacks = ["guess"]
defenses = [{ kind = "identity" }]
"""


@pytest.fixture
def archives(tmp_path):
    """Two data sets of other shapes."""
    rng = np.random.default_rng(0)
    for name, side in (("small", 6), ("large", 8)):
        images = rng.integers(0, 256, (60, side, side, 1), np.uint8)
        np.savez(tmp_path / f"{name}.npz", images=images, labels=rng.integers(0, 3, 60))
    return [f"npz:{tmp_path / name}.npz" for name in ("small", "large")]


def config(archives, **axes):
    return AuditConfig.model_validate(
        {
            "name": "grid",
            "data": archives,
            "models": ["relu_mlp"],
            "victims": 2,
            "attacks": ["guess", "closed_form"],
            "defenses": [{"kind": "identity"}],
        }
        | axes
    )


def run(settings):
    runner = Runner(settings, "cpu")
    return [runner.run(case)[0] for case in cases(settings)]


def test_every_combination_has_a_record_of_its_own(archives):
    settings = config(archives, seeds=[3, 4], train_steps=[0, 2])
    records = run(settings)
    found = {(one.data, one.seed, one.train_steps, one.victim, one.attack) for one in records}
    assert len(records) == len(found) == len({one.key for one in records}) == 2**5
    assert {one.status for one in records} == {"ok"}
    assert {one.seed for one in records} == {3, 4}
    assert {(one.train_steps, one.model_accuracy is None) for one in records} == {(0, True), (2, False)}


def test_a_seed_among_others_gives_what_it_gives_alone(archives):
    several = [one for one in run(config(archives, seeds=[3, 4])) if one.seed == 4]
    alone = run(config(archives, seed=4))
    drop = ("key", "versions")
    assert [
        {name: value for name, value in one.without_times().items() if name not in drop} for one in several
    ] == [{name: value for name, value in one.without_times().items() if name not in drop} for one in alone]


def test_seeds_draw_other_images_and_training_changes_what_leaks(archives):
    first, second = run(config(archives[:1], seeds=[3, 4], victims=1, attacks=["guess"]))
    assert first.psnr != second.psnr
    fresh, trained = run(config(archives[:1], train_steps=[0, 3], victims=1, attacks=["guess"]))
    assert fresh.psnr == trained.psnr


def test_what_cannot_be_built_is_a_row(archives):
    swapped = {"kind": "chain", "parts": [{"kind": "top_k", "share": 0.1}, {"kind": "soteria"}]}
    settings = config(archives[:1], defenses=[swapped, {"kind": "identity"}], victims=1, attacks=["guess"])
    broken, fine = run(settings)
    assert (broken.status, broken.psnr, broken.knows, fine.status) == ("failed", None, {}, "ok")
    assert (broken.defense, broken.knobs["top_k.share"]) == ("top_k+soteria", 0.1)
    assert broken.error.startswith("DefenseError: ")


def test_a_training_that_diverges_is_a_row(archives):
    settings = config(archives[:1], train_steps=[200], train_rate=1e8, victims=1, attacks=["guess"])
    (record,) = run(settings)
    assert record.status == "failed"
    assert "lower `train_rate`" in record.error


def test_one_name_is_a_list_of_one():
    assert parse(TOML, "x").data == ["mnist5k"]
    assert parse(TOML.replace("models", 'data = "faces"\nmodels'), "x").data == ["faces"]
    assert parse(TOML.replace("models", 'data = ["a", "b"]\nmodels'), "x").data == ["a", "b"]


def test_seed_and_seeds_exclude_each_other():
    assert parse(TOML.replace("models", "seeds = [5, 6]\nmodels"), "x").all_seeds == (5, 6)
    assert parse(TOML.replace("models", "seed = 5\nmodels"), "x").all_seeds == (5,)
    with pytest.raises(ConfigError, match=r"^x: give `seed` or `seeds`, not both$"):
        parse(TOML.replace("models", "seed = 5\nseeds = [5, 6]\nmodels"), "x")


@pytest.mark.parametrize("line", ["seeds = []", "data = []", "train_steps = [-1]", "train_rate = 0.0"])
def test_axes_out_of_range_are_refused(line):
    with pytest.raises(ConfigError, match=line.split()[0]):
        parse(TOML.replace("models", f"{line}\nmodels"), "x")
