"""What the runs say: means, and how sure they are."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def interval(values: NDArray[np.float64], draws: int = 10_000) -> list[float]:
    """95 % percentile bootstrap interval of the mean."""
    rng = np.random.default_rng(0)
    means = rng.choice(values, (draws, len(values))).mean(1)
    return [round(float(bound), 2) for bound in np.quantile(means, (0.025, 0.975))]


def summary(results: dict[str, dict[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """One line an adversary and defense, with how far Bayes is ahead on the same images."""
    lines = []
    for defense, by_name in results.items():
        bayes = np.asarray(by_name["bayes"]["psnr"])
        for name, result in by_name.items():
            values = np.asarray(result.pop("psnr"))
            ahead = {
                "bayes_ahead_db": round(float((bayes - values).mean()), 2),
                "ci95": interval(bayes - values),
            }
            mean = {"psnr_db": round(float(values.mean()), 2), "psnr_ci95": interval(values)}
            lines.append({"defense": defense, "adversary": name, **mean, **ahead, **result})
    return lines
