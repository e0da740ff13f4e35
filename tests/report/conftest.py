"""A synthetic run: two models, eleven settings, four attacks, three victims; not all trials end well."""

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from selenium import webdriver

from gradveil.records import SCHEMA, Record, RecordStore
from gradveil.records.labels import ATTACKS
from gradveil.records.utility import UTILITY_SCHEMA, Utility
from gradveil.report import write_report
from tests.browsing import browsing

VICTIMS = 3
MODELS = {"mlp": 1, "lenet": 3}  # model -> channels of its pictures
SETTINGS = [
    ("identity", None, None),
    ("gaussian_noise", None, None),
    ("selective_ckks", "magnitude", 0.01),
    ("selective_ckks", "magnitude", 0.05),
    ("selective_ckks", "magnitude", 0.1),
    ("selective_ckks", "magnitude", 0.3),
    ("selective_ckks", "random", 0.1),
    ("selective_ckks", "random", 0.5),
    ("selective_ckks", "named", 0.022),
    ("selective_ckks", "all", 1.0),
    ("secure_aggregation", None, None),
]
CLAIMS = {
    "identity": "none: the server reads every update",
    "gaussian_noise": "noise of standard deviation 0.01 on every coordinate; no accounting",
    "selective_ckks": "128-bit security of the encrypted coordinates; none for the others",
    "secure_aggregation": "the server learns sums over at least 3 of 5 clients",
}
KNOWS = {
    "model": True,
    "labels": True,
    "batch_size": 1,
    "mask": True,
    "auxiliary": None,
    "loss": "cross-entropy",
}
HOSTILE = "<script>alert('no')</script>"
BREAKOUT = r"</script></text><img src=x onerror=alert(1)>'\" $\frac{$"


def leak(
    model: str, defense: str, strategy: str | None, ratio: float | None, attack: str, victim: int
) -> float:
    """A PSNR of the size that real runs give."""
    jitter = 0.7 * victim
    if attack == "guess" or defense == "secure_aggregation" or strategy == "all":
        return 9.5 + jitter
    if defense == "gaussian_noise":
        return 14 + jitter
    if defense == "identity":
        return 140.0 if attack != "mask_naive" else 60 + 5 * jitter
    if attack == "mask_naive":
        return max(5.5, 28 - 90 * math.sqrt(ratio or 0)) + jitter
    return {"mlp": 140.0 if strategy != "named" else 96.0, "lenet": 75 - 60 * math.sqrt(ratio or 0)}[
        model
    ] - jitter


def status_of(defense: str, strategy: str | None, attack: str, victim: int) -> tuple[str, str | None]:
    if attack == "closed_form" and (defense == "secure_aggregation" or strategy == "all"):
        return "inapplicable", "no gradient of one client is readable"
    if attack == "mask_aware" and strategy == "named" and victim == 1:
        return "failed", "LineSearchError: no descent after 20 halvings"
    return "ok", None


def trial(model: str, setting: tuple[str, str | None, float | None], attack: str, victim: int) -> Record:
    defense, strategy, ratio = setting
    status, error = status_of(defense, strategy, attack, victim)
    psnr = leak(model, *setting, attack, victim) if status == "ok" else None
    size = 1.6e6 if model == "mlp" else 2.4e5
    blowup = {"selective_ckks": 1 + 17 * (ratio or 0), "secure_aggregation": 1.02}.get(defense, 1.0)
    return Record(
        schema=SCHEMA,
        status=status,
        model=model,
        data="digits",
        train_steps=0,
        model_accuracy=None,
        defense=defense,
        knobs={},
        strategy=strategy,
        ratio=ratio,
        ratio_nonzero=min(1.0, 2 * ratio) if ratio is not None else None,
        layers=shares(strategy, ratio),
        visible=None if ratio is None else 1 - ratio,
        predicted_psnr=None if ratio is None else 100 - 90 * ratio,
        clients=5 if defense == "secure_aggregation" else 1,
        batch=1,
        attack=attack,
        knows={} if attack == "guess" else KNOWS | {"mask": attack != "mask_naive"},
        psnr=psnr,
        ssim=None if psnr is None else min(1.0, psnr / 40),
        mse=None if psnr is None else 10 ** (-psnr / 10),
        label_accuracy=None,
        rank100=None if psnr is None else 1.0 if psnr > 15 else 30.0 + victim,
        bytes_up=int(size * blowup),
        bytes_down=int(size * (blowup if defense == "selective_ckks" else 1)),
        seconds_client=size * (0.5e-9 + (blowup - 1) * 2e-8),
        seconds_server=size * 1e-9 * blowup,
        seconds_attack=0.5,
        aggregate_error={"selective_ckks": 3.2e-8, "gaussian_noise": 0.41}.get(defense, 0.0),
        seed=7,
        victim=victim,
        versions={"gradveil": "0.1.0", "numpy": "2.4.0", "torch": "2.12.0"},
        machine={"platform": "Linux-6.1-x86_64", "cpu": "Model & Co <2 GHz>", "cores": 2, "memory_gib": 7.8},
        key=hashlib.sha256(repr((model, setting, attack, victim)).encode()).hexdigest()[:16],
        claim=CLAIMS.get(defense, "none"),
        error=error,
    )


def training(model: str, setting: tuple[str, str | None, float | None], accuracy: float | None) -> Utility:
    """Behind one defense, rising to this accuracy; None fails."""
    defense, strategy, ratio = setting
    curve = () if accuracy is None else tuple((done, accuracy * (done / 200)) for done in range(0, 201, 20))
    return Utility(
        schema=UTILITY_SCHEMA,
        model=model,
        data="digits",
        defense=defense,
        knobs={},
        strategy=strategy,
        ratio=ratio,
        clients=5,
        batch=8,
        rounds=200,
        rate=0.003,
        held_out=1000,
        accuracy=accuracy,
        curve=curve,
        seconds=2.5,
        seed=7,
        versions={"gradveil": "0.1.0"},
        machine={"cores": 2},
        key=hashlib.sha256(repr((model, setting, "training")).encode()).hexdigest()[:16],
        error=None if accuracy is not None else "DefenseError: does not fit",
    )


def train(run_dir: Path, settings: list[tuple[str, str | None, float | None]]) -> None:
    """Behind every setting of both models; what encrypts named layers fails."""
    for model, channels in MODELS.items():
        for number, setting in enumerate(settings):
            reached = None if setting[1] == "named" else 0.93 - 0.01 * channels - 0.02 * number
            training(model, setting, reached).save(run_dir)


def shares(strategy: str | None, ratio: float | None) -> dict[str, float]:
    """Of two tensors; the last one is encrypted first."""
    if ratio is None:
        return {}
    return {"conv.weight": 0.001 if strategy == "named" else ratio, "fc.weight": min(1.0, 3 * ratio)}


def pictures(channels: int, psnr: float, victim: int) -> tuple[np.ndarray, np.ndarray]:
    """A ring, and the same ring under noise that gives about this PSNR."""
    y, x = np.mgrid[-1:1:28j, -1:1:28j]
    radius = np.hypot(x, y * (1 + 0.3 * victim))
    ring = np.exp(-(((radius - 0.5) / 0.16) ** 2))
    tint = np.linspace(1, 0.4, channels)[:, None, None]
    truth = (ring * tint)[None].astype(np.float32)
    noise = np.random.default_rng(victim).normal(0, 10 ** (-psnr / 20), truth.shape)
    return truth, np.clip(truth + noise, 0, 1).astype(np.float32)


def build_run(run_dir: Path, settings: list[tuple[str, str | None, float | None]]) -> RecordStore:
    store = RecordStore(run_dir)
    for model, channels in MODELS.items():
        for setting in settings:
            for attack in ATTACKS:
                for victim in range(VICTIMS):
                    record = trial(model, setting, attack, victim)
                    if record.psnr is not None:
                        store.save_pictures(record.key, *pictures(channels, record.psnr, victim))
                    store.append(record)
    return store


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run")
    build_run(path, SETTINGS)
    train(path, SETTINGS)
    return path


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hostile")
    settings = [("identity", None, None), (HOSTILE, None, None), ("selective_ckks", BREAKOUT, 0.1)]
    build_run(path, settings)
    train(path, settings)
    return path


@pytest.fixture(scope="session")
def report(run_dir: Path) -> Path:
    return write_report(run_dir)


@pytest.fixture(scope="session")
def browser(report: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with browsing(report, tmp_path_factory.mktemp("profile")) as driver:
        yield driver
