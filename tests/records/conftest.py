"""One valid record, to be changed with dataclasses.replace."""

import pytest

from gradveil.records import SCHEMA, Record


@pytest.fixture(scope="session")
def record():
    return Record(
        schema=SCHEMA,
        status="ok",
        model="mlp",
        data="digits",
        train_steps=0,
        model_accuracy=None,
        defense="selective_ckks",
        knobs={},
        strategy="magnitude",
        ratio=0.1,
        ratio_nonzero=0.2,
        layers={"fc.weight": 0.1},
        visible=0.9,
        predicted_psnr=40.0,
        clients=1,
        batch=1,
        attack="mask_naive",
        knows={"labels": True, "shape": [1, 28, 28], "auxiliary": None},
        psnr=8.0,
        ssim=0.1,
        mse=0.16,
        label_accuracy=None,
        rank100=31.0,
        bytes_up=2048,
        bytes_down=1024,
        seconds_client=0.01,
        seconds_server=0.002,
        seconds_attack=1.5,
        aggregate_error=1e-8,
        seed=0,
        victim=0,
        versions={"numpy": "2.4.0"},
        machine={"cores": 2},
        key="a0",
        claim="128-bit security of the encrypted coordinates",
        error=None,
    )
