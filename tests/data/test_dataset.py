"""A data set refuses what no attack could be measured on."""

import numpy as np
import pytest

from gradveil.data import Dataset
from gradveil.data.dataset import DataError


def dataset(images, labels=None, classes=2):
    labels = np.zeros(len(images), np.int64) if labels is None else labels
    return Dataset("made", images, labels, classes)


@pytest.fixture
def ten():
    return dataset(np.zeros((10, 3, 4, 5), np.float32))


def test_input_shape_is_channels_height_width(ten):
    assert ten.input_shape == (3, 4, 5)


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan, np.inf])
def test_pixels_outside_0_to_1_are_refused(value):
    with pytest.raises(DataError, match=r"made: pixel values must lie in \[0, 1\]"):
        dataset(np.full((2, 1, 2, 2), value, np.float32))


def test_images_without_channels_are_refused():
    with pytest.raises(DataError, match="N, C, H, W"):
        dataset(np.zeros((2, 4, 4), np.float32))


def test_each_image_needs_a_label():
    with pytest.raises(DataError, match="one label each"):
        dataset(np.zeros((2, 1, 4, 4), np.float32), np.zeros(3, np.int64))


def test_an_empty_set_is_refused():
    with pytest.raises(DataError):
        dataset(np.zeros((0, 1, 4, 4), np.float32))


@pytest.mark.parametrize("label", [-1, 2])
def test_labels_of_no_class_are_refused(label):
    with pytest.raises(DataError):
        dataset(np.zeros((1, 1, 4, 4), np.float32), np.array([label]))


def test_drawn_images_are_distinct(ten):
    assert sorted(ten.draw(10, np.random.default_rng(0))) == list(range(10))


def test_draws_follow_the_generator(ten):
    first, again, other = (ten.draw(5, np.random.default_rng(seed)).tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_drawing_too_many_is_refused(ten):
    with pytest.raises(DataError, match="made has 10 images, 11 are needed"):
        ten.draw(11, np.random.default_rng(0))
