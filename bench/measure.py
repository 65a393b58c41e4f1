"""Two sides measured in turn, and the ratio between them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Literal

# For each round, the value of the lab's side and that of the baseline.
Rounds = list[list[float]]


@dataclass(frozen=True)
class Comparison:
    """A row of docs/performance.md: the ratio that `title` names, and what it should be."""

    id: str
    title: str
    target: float
    unit: str
    better: Literal["lower", "higher"] = "lower"

    def summarize(self, rounds: Rounds) -> dict[str, float]:
        """Return both sides' medians, the median ratio with its range, and if that is in target."""
        ratios = [ours / baseline for ours, baseline in rounds]
        ratio = median(ratios)
        return {
            "ours": median(ours for ours, _ in rounds),
            "baseline": median(baseline for _, baseline in rounds),
            "ratio": ratio,
            "min": min(ratios),
            "max": max(ratios),
            "in_target": ratio >= self.target if self.better == "higher" else ratio <= self.target,
        }


def interleave(
    name: str, rounds: int, ours: Callable[[], float], baseline: Callable[[], float]
) -> Rounds:
    """Measure both sides in turn, so that other load on the machine affects them alike."""
    pairs = []
    for number in range(1, rounds + 1):
        a, b = ours(), baseline()
        print(f"{name}, round {number} of {rounds}: {a:.4g} / {b:.4g} = {a / b:.2f}", flush=True)
        pairs.append([round(a, 4), round(b, 4)])
    return pairs


def seconds(*steps: Callable[[], object]) -> float:
    """Return how many seconds some calls take, one after the other."""
    start = time.monotonic()
    for step in steps:
        step()
    return time.monotonic() - start
