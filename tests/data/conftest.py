import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def folder(tmp_path):
    """Two classes of two 40x32 images each; the pixels of each image have one value of their own."""
    for label, name in enumerate(("cat", "dog")):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(2):
            pixels = np.full((32, 40, 3), 60 * (2 * label + number), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / name / f"{number}.png")
    return tmp_path / "pets"
