"""What was reported, where, and which records of a suite of audits it is compared with."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import ClassVar, Literal

from pydantic import ConfigDict, JsonValue, TypeAdapter

Quantity = Literal["psnr", "root_psnr", "accuracy"]


@dataclass(frozen=True)
class Figure:
    """One reported figure.

    Attributes:
        what: of which defense against which attack.
        reported: the figure in dB or %, or the authors' words where they give none.
        run: name of the audit in the suite.
        match: fields that the records have, those of `knobs` and of a training as `knobs.NAME`.
        differs: how the set-up here differs from theirs.
        quantity: `psnr`, the mean over victims; `root_psnr`, the same by the root of the mean squared error,
            as FedKL's code computes it; `accuracy`, of a training.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    what: str
    reported: float | str
    run: str
    match: Mapping[str, JsonValue]
    differs: str = ""
    quantity: Quantity = "psnr"


@dataclass(frozen=True)
class Paper:
    """A publication, where its figures were read, and how its set-up differs from the audits here."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    title: str
    source: str
    differs: str
    figures: list[Figure] = field(default_factory=list)


_PAPERS = TypeAdapter(dict[str, Paper])


def load_papers(suite: str) -> list[Paper]:
    """The publications that a shipped suite of audits follows, in order."""
    text = (resources.files("gradveil.report.reproduction") / f"{suite}.toml").read_text("utf-8")
    return list(_PAPERS.validate_python(tomllib.loads(text)).values())
