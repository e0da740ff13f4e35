"""Selections of an audit that are calibrated on images of nobody in the round."""

import numpy as np
import pytest

from gradveil.audit.plan import cases
from gradveil.audit.public import public_examples
from gradveil.audit.runner import Runner
from gradveil.data import Dataset
from gradveil.data.dataset import DataError
from tests.audit.targets import LENET


@pytest.fixture
def calibrated(tiny):
    spec = {"kind": "selective_ckks", "strategy": "row_norm", "ratios": [0.1, 0.3]}
    changed = tiny.model_dump() | {"defenses": [spec], "attacks": ["guess"]}
    return type(tiny).model_validate(changed)


def of_cohort(runner, count):
    """A data set of the cohort's images, then of others."""
    cohort, whole = runner.targets.cohort(LENET, 0), runner.targets.dataset("mnist5k")
    own = np.concatenate(list(cohort.images.values()))
    images = np.concatenate([own, whole.images[:500]])[:count]
    return cohort, Dataset("some", images, np.zeros(len(images), np.int64), 10)


def test_no_image_is_of_the_round(calibrated):
    runner = Runner(calibrated, "cpu")
    cohort, some = of_cohort(runner, 40)
    found = public_examples(some, runner.targets.model(LENET), cohort, np.random.default_rng(0))
    private = {image.tobytes() for images in cohort.images.values() for image in images}
    assert len(found.images) == 8
    assert not private & {image.numpy().tobytes() for image in found.images}


def test_without_other_images_nothing_is_calibrated(calibrated):
    runner = Runner(calibrated, "cpu")
    cohort, some = of_cohort(runner, 4)
    with pytest.raises(DataError, match="no image left"):
        public_examples(some, runner.targets.model(LENET), cohort, np.random.default_rng(0))


def test_the_record_says_what_the_mask_was_calibrated_on(calibrated):
    first, second = list(cases(calibrated))[:2]
    runner = Runner(calibrated, "cpu")
    record, _ = runner.run(first)
    assert (record.status, record.strategy, record.ratio) == ("ok", "row_norm", pytest.approx(0.1, abs=1e-4))
    assert "mask by row_norm of public images" in record.knows["defense"]
    larger = runner._defense(second, runner.targets.cohort(LENET, 0)).selection.mask
    smaller = runner._defense(first, runner.targets.cohort(LENET, 0)).selection.mask
    assert (larger | smaller).tolist() == larger.tolist()


def test_the_same_case_gives_the_same_record_times_aside(calibrated):
    case = next(iter(cases(calibrated)))
    first, again = (Runner(calibrated, "cpu").run(case)[0].without_times() for _ in range(2))
    assert first == again
