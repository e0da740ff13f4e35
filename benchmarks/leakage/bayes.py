"""The Bayes paper's comparison of adversaries: `python -m benchmarks.leakage.bayes`.

Every adversary is tuned by as many configurations on held-out images, by the PSNR there, and then attacks the
test images, ten in one batch; all start alike and see the same noise. PSNR is of reconstructions clamped to
[0, 1], peak 1. Interrupt it at any time: finished runs are kept and the same command goes on.

Source: Balunovic et al. 2022 (ICLR), table 2 and its published code. Unlike there, tuning and test images are
disjoint, and the variation does not wrap around the border.
"""

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.leakage.bayes_adversaries import ADVERSARIES, CONFIGURATIONS, STEPS
from benchmarks.leakage.bayes_experiment import FULL, QUICK, Experiment, Plan
from benchmarks.leakage.bayes_setting import DEFENSES, Setting
from benchmarks.leakage.bayes_summary import summary
from benchmarks.leakage.common import progress_bars
from benchmarks.leakage.journal import Journal
from gradveil.data import load

RESULTS = Path(__file__).parents[1] / "results" / "bayes.json"
JOURNAL = Path(__file__).parents[2] / ".benchmarks" / "bayes.jsonl"


def options() -> argparse.Namespace:
    """What to run."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        prog="benchmarks.leakage.bayes",
    )
    parser.add_argument("--quick", action="store_true", help="2 images to tune on, 10 to test on")
    parser.add_argument("--images", type=int, default=FULL.test, choices=range(1, FULL.test + 1), metavar="N")
    parser.add_argument("--data", default="mnist5k", help="as of `gradveil audit`: mnist5k, npz:PATH ...")
    parser.add_argument(
        "--delta", type=float, default=20.0, help="20 for digits, 35 for CIFAR-10 in the paper"
    )
    parser.add_argument("--defense", choices=DEFENSES, action="append", help="default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--journal", type=Path, default=JOURNAL)
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


def compared(chosen: argparse.Namespace, plan: Plan) -> dict[str, dict[str, dict[str, Any]]]:
    """Results by defense and adversary, with bars on the way."""
    with progress_bars() as progress:
        setting = Setting(load(chosen.data), chosen.seed)
        experiment = Experiment(setting, Journal(chosen.journal), progress, chosen.delta)
        return {
            defense: {name: experiment.compare(plan, defense, name) for name in ADVERSARIES}
            for defense in chosen.defense or DEFENSES
        }


def main() -> None:
    """Run what is not finished yet, print a line for each adversary and write the JSON."""
    chosen = options()
    plan = QUICK if chosen.quick else replace(FULL, test=chosen.images)
    try:
        lines = summary(compared(chosen, plan))
    except KeyboardInterrupt:
        sys.exit(f"stopped; finished runs are in {chosen.journal}, the same command goes on from there")
    for line in lines:
        print(json.dumps(line))
    record = {"data": chosen.data, "seed": chosen.seed, "delta": chosen.delta, **asdict(plan), **_FIXED}
    chosen.out.write_text(json.dumps({**record, "lines": lines}, indent=1) + "\n")


_FIXED = {"steps": STEPS, "configurations": CONFIGURATIONS, "torch": torch.__version__}

if __name__ == "__main__":
    main()
