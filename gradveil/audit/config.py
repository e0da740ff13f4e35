"""What an audit runs over: unchecked TOML in, immutable checked configuration out."""

import hashlib
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from gradveil.audit.checked import Checked
from gradveil.audit.specs import DefenseSpec

Seed = Annotated[int, Field(ge=0, lt=2**32)]
Steps = Annotated[int, Field(ge=0, le=1_000_000)]


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class UtilityTable(Checked):
    """Trainings behind each defense, for its cost in accuracy; see `gradveil.audit.utility`.

    Attributes:
        rounds: of each training.
        clients: in each round; those of the audit unless given.
        batch: images behind each client's gradient.
        rate: of the server's Adam.
        every: rounds between two looks at the accuracy; a twentieth of all unless given.
        seeds: one training each; the audit's first unless given.
    """

    rounds: Annotated[int, Field(ge=1, le=100_000)]
    clients: Annotated[int, Field(ge=3, le=64)] | None = None
    batch: Annotated[int, Field(ge=1, le=256)] = 8
    rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.003
    every: Annotated[int, Field(ge=1)] | None = None
    seeds: Annotated[list[Seed], Field(min_length=1)] | None = None


class AuditConfig(Checked):
    """Every choice that decides an audit's numbers, times aside. Lists are axes of a grid.

    Attributes:
        name: of the run.
        seed: everything random except keys, masks and ciphertexts follows from it.
        seeds: several instead of one.
        data: see `gradveil.data.load`; one or several.
        models: networks of `gradveil.models`.
        train_steps: of SGD before the round, at each of which the networks are attacked.
        train_batch: images in each of these steps.
        train_rate: their learning rate.
        victims: rounds to attack for each seed, each with images of its own.
        clients: clients in each round.
        batch: images behind each client's update.
        labels: whether true labels are granted to the adversary.
        predict: whether selections are also looked at without an attack; see `gradveil.calibration.predict`.
        attacks: presets of `attacks`, or `adaptive`, the adversary who knows whatever defense is run.
        defenses: what to audit.
        utility: trainings beside the trials, None for none. They decide no number of a trial, so they are no
            part of the hash, and a finished run may get them, or others, later.
    """

    name: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[\w.-]+$")]
    seed: Seed = 0
    seeds: Annotated[list[Seed], Field(min_length=1)] | None = None
    data: Annotated[list[str], Field(min_length=1), BeforeValidator(_as_list)] = Field(["mnist5k"])
    models: Annotated[list[str], Field(min_length=1)]
    train_steps: Annotated[list[Steps], Field(min_length=1)] = Field([0])
    train_batch: Annotated[int, Field(ge=1, le=4096)] = 32
    train_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.05
    victims: Annotated[int, Field(ge=1, le=1000)]
    clients: Annotated[int, Field(ge=3, le=64)] = 4
    batch: Annotated[int, Field(ge=1, le=64)] = 1
    labels: Literal["inferred", "granted"] = "inferred"
    predict: bool = False
    attacks: Annotated[list[str], Field(min_length=1)]
    defenses: Annotated[list[DefenseSpec], Field(min_length=1)]
    utility: Annotated[UtilityTable | None, Field(exclude=True)] = None

    @model_validator(mode="after")
    def _one_kind_of_seed(self) -> "AuditConfig":
        if self.seeds is not None and self.seed != 0:
            raise ValueError("give `seed` or `seeds`, not both")
        return self

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """The seeds to run, one or several."""
        return (self.seed,) if self.seeds is None else tuple(self.seeds)

    @property
    def hash(self) -> str:
        """Hex digest of all that decides a trial; equal hashes give equal records, times aside."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()
