"""`gradveil attack` as a user calls it: from an update to pictures, or one line that says why not."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from gradveil.data import load
from gradveil.exchange import Layout, Selection
from gradveil.metrics import psnr
from gradveil.models import build
from tests.cli.key_files import Cli, names

SHAPE = (1, 28, 28)
LENET = ("--model", "lenet@0", "--shape", "1,28,28")


@pytest.fixture
def cli(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    return Cli(monkeypatch, capsys, "attack")


@pytest.fixture(scope="session")
def digit():
    """A seven, and the file with a small LeNet's gradient of it."""
    data, index = load("mnist5k"), 3503
    return SimpleNamespace(image=data.images[[index]], label=int(data.labels[index]))


@pytest.fixture
def update(tmp_path, digit):
    network = build("lenet", SHAPE, 10, 0)
    F.cross_entropy(network(torch.from_numpy(digit.image)), torch.tensor([digit.label])).backward()
    path = tmp_path / "seven.safetensors"
    save_file({name: parameter.grad for name, parameter in network.named_parameters()}, path)
    return path


def layout_of(update):
    shapes = {name: tuple(tensor.shape) for name, tensor in load_file(update).items()}
    order = [name for name, _ in build("lenet", SHAPE, 10, 0).named_parameters()]
    return Layout(tuple(order), tuple(shapes[name] for name in order))


def selected(update, share):
    """A file with the largest coordinates of the update."""
    layout, tensors = layout_of(update), load_file(update)
    sizes = np.concatenate([tensors[name].abs().numpy().ravel() for name in layout.names])
    mask = sizes >= np.quantile(sizes, 1 - share)
    Selection(layout, mask, "magnitude").save(update.with_name("selection"))
    return update.with_name("selection")


def decibels(folder, name, digit):
    pixels = np.asarray(Image.open(folder / name), dtype=np.float32)[None, None] / 255
    return float(psnr(pixels, digit.image)[0])


def options(*presets):
    return [part for name in presets for part in ("--preset", name)]


def test_an_update_in_the_clear_shows_the_digit(tmp_path, update, digit):
    """In a process of its own, as from a shell."""
    presets = options("closed_form", "mask_naive", "mask_aware")
    command = [sys.executable, "-W", "error", "-m", "gradveil", "attack", update.name, *LENET, *presets]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)  # noqa: S603
    assert (done.returncode, done.stderr) == (0, "")
    folder = tmp_path / "runs" / "attack-seven"
    assert f"pictures: {folder}" in done.stdout
    record = json.loads((folder / "attack.json").read_text())
    attacks = {each["preset"]: each for each in record["attacks"]}
    assert attacks["mask_naive"]["status"] == "inapplicable"
    assert attacks["mask_naive"]["reason"] in done.stdout
    for name in ("closed_form", "mask_aware"):
        assert f"reconstruction-{name}-0.png" in done.stdout
        assert attacks[name]["labels"] == [digit.label]
        assert attacks[name]["evidence"]["relative_residual"] < 0.01
        assert decibels(folder, attacks[name]["pictures"][0], digit) > 30


def test_an_update_of_which_the_largest_30_percent_are_closed_still_shows_it(cli, update, digit, tmp_path):
    chosen = ("--selection", selected(update, 0.3), *options("mask_aware"), "--out", "out", "--json")
    code, output, errors = cli.run(update, *LENET, *chosen)
    assert (code, errors) == (0, f"pictures: {tmp_path / 'out'}\n")
    record = json.loads(output)
    (made,) = record["attacks"]
    assert record["protected"] == pytest.approx(0.3, abs=1e-3)
    assert made["evidence"]["readable"] == pytest.approx(0.7, abs=1e-3)
    assert record["knows"]["defense"].startswith("selected coordinates closed")
    assert names(tmp_path / "out") == ["attack.json", "reconstruction-mask_aware-0.png"]
    assert json.loads((tmp_path / "out" / "attack.json").read_text()) == record
    assert decibels(tmp_path / "out", made["pictures"][0], digit) > 30


def test_when_everything_is_closed_the_answer_says_so(cli, update, tmp_path):
    chosen = ("--selection", selected(update, 1.0), *options("closed_form", "mask_aware"), "--out", "out")
    code, output, _ = cli.run(update, *LENET, *chosen)
    assert code == 0
    assert "no coordinate of the update is readable" in output
    assert "0.0% of the coordinates readable" in output
    assert names(tmp_path / "out") == ["attack.json"]


def test_granted_labels_say_how_many_examples_there_are(cli, update):
    _, output, _ = cli.run(update, *LENET, *options("guess"), "--labels", "3,7", "--out", "out", "--json")
    record = json.loads(output)
    assert (record["knows"]["batch_size"], record["knows"]["labels"]) == (2, "granted")
    assert record["attacks"][0]["pictures"] == ["reconstruction-guess-0.png", "reconstruction-guess-1.png"]


REFUSED = {
    "no preset": (("--preset", "dream"), ["no attack 'dream'", "mask_aware"]),
    "no device": (("--device", "abacus"), ["no device 'abacus'"]),
    "no network": (("--model", "vgg@0"), ["no model 'vgg'"]),
    "no seed": (("--model", "lenet@x"), ["'lenet@x' is neither module:callable nor NAME@SEED"]),
    "no module": (("--model", "nowhere:net"), ["'nowhere:net' gives no model", "ModuleNotFoundError"]),
    "no callable": (("--model", "math:pi"), ["'math:pi' gives no model", "not callable"]),
    "no nn.Module": (("--model", "time:time"), ["'time:time' returned float", "torch.nn.Module"]),
    "other classes": (("--classes", "4"), ["tensor '7.weight' is (10, 588), not (4, 588)"]),
    "other channels": (("--shape", "3,28,28"), ["tensor '0.weight' is (12, 1, 5, 5), not (12, 3, 5, 5)"]),
    "another network": (("--model", "cnn@0"), ["lacks 5.weight, 5.bias and holds 4."]),
    "two extents": (("--shape", "28,28"), ["--shape '28,28' is not 3 numbers"]),
    "words": (("--shape", "a,b,c"), ["--shape 'a,b,c' is not 3 numbers"]),
    "two channels": (("--shape", "2,28,28"), ["1 or 3 channels"]),
    "no range": (("--range", "1,0"), ["(1.0, 0.0) is no range"]),
    "half a range": (("--range", "1"), ["--range '1' is not 2 numbers"]),
    "no labels": (("--labels", ""), ["--labels '' is not numbers"]),
    "foreign labels": (("--labels", "10"), ["labels (10,) are not all in 0 .. 9"]),
    "too few labels": (("--labels", "7", "--batch", "2"), ["1 labels for 2 examples"]),
    "no layout": (("--layout", "absent.json"), ["absent.json"]),
    "no selection": (("--selection", "absent"), ["absent"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_options_are_refused_and_leave_nothing(cli, update, tmp_path, case):
    chosen, words = REFUSED[case]
    cli.refuses(update, *LENET, *chosen, words=words)
    assert names(tmp_path) == [update.name]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda whole: b"", "no whole safetensors file"),
        (lambda whole: whole[: len(whole) // 2], "no whole safetensors file"),
        (lambda whole: whole + b"\0", "no whole safetensors file"),
        (lambda whole: b"\x80\x04\x95" + whole, "no whole safetensors file"),
        (lambda whole: whole[:-4] + b"\0\0\xc0\x7f", "is NaN or infinite"),
    ],
    ids=["empty", "half", "longer", "pickle", "nan"],
)
def test_damaged_updates_are_refused_and_leave_nothing(cli, update, tmp_path, damage, words):
    update.write_bytes(damage(update.read_bytes()))
    cli.refuses(update, *LENET, words=[update.name, words])
    assert names(tmp_path) == [update.name]


def test_a_missing_update_is_named(cli, tmp_path):
    cli.refuses("absent.safetensors", *LENET, words=["absent.safetensors"])
    assert names(tmp_path) == []


def test_an_answer_is_never_written_over_another(cli, update, tmp_path):
    (tmp_path / "out").mkdir()
    cli.refuses(update, *LENET, "--out", "out", words=["exists and is not overwritten"])


def test_a_full_disk_leaves_nothing(cli, update, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gradveil.inspection.answer.png_bytes", full)
    cli.refuses(
        update, *LENET, *options("guess"), "--out", "out", words=["cannot write out", "No space left"]
    )
    assert names(tmp_path) == [update.name]


def test_an_interrupt_leaves_nothing(cli, update, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("gradveil.inspection.asking.attempt", interrupted)
    code, output, errors = cli.run(update, *LENET, *options("closed_form"), "--out", "out")
    assert (code, output) == (130, "")
    assert "interrupted; nothing is written" in errors
    assert names(tmp_path) == [update.name]
