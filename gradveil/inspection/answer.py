"""What came of a question, in a form that can be kept."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradveil.doctor import versions
from gradveil.exchange import Knowledge
from gradveil.inspection.attempts import Attempt
from gradveil.inspection.question import Question
from gradveil.pictures import png_bytes


@dataclass(frozen=True, eq=False)
class Answer:
    """What each preset made of the update, with all that decides it.

    Attributes:
        question: as asked.
        knowledge: every assumption granted.
        sha256: of the update's file, hex.
        protected: share of the coordinates that stay closed.
        attempts: one for each preset.
    """

    question: Question
    knowledge: Knowledge
    sha256: str
    protected: float
    attempts: tuple[Attempt, ...]

    def as_record(self) -> dict[str, Any]:
        """The answer as JSON values, images as names of the files that `write` makes."""
        question = self.question
        return {
            "update": str(question.update),
            "sha256": self.sha256,
            "model": question.model,
            "selection": None if question.selection is None else str(question.selection),
            "protected": self.protected,
            "range": list(question.value_range),
            "batch_norm": question.batch_norm,
            "seed": question.seed,
            "device": question.device,
            "knows": self.knowledge.as_record(),
            "versions": versions(),
            "attacks": [attempt.as_record() for attempt in self.attempts],
        }

    def write(self, folder: Path) -> None:
        """`attack.json` and a PNG of each image found, into a folder that exists."""
        for made in self.attempts:
            images = () if made.found is None else made.found.images
            for name, image in zip(made.pictures(), images, strict=True):
                (folder / name).write_bytes(png_bytes(image))
        text = json.dumps(self.as_record(), indent=2, allow_nan=False)
        (folder / "attack.json").write_text(f"{text}\n", "utf-8")
