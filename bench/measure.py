"""Two things measured side by side, and what comes of it."""

import time
from collections.abc import Callable
from statistics import median


def interleave(
    name: str, rounds: int, ours: Callable[[], float], baseline: Callable[[], float]
) -> list[list[float]]:
    """Measure A B A B ..., so that whatever else the machine does meets both alike.

    Returns a pair [ours, baseline] for each of the `rounds`, and prints each as it comes.
    """
    pairs = []
    for number in range(1, rounds + 1):
        a, b = ours(), baseline()
        print(f"{name}, round {number} of {rounds}: {a:.4g} / {b:.4g} = {a / b:.2f}", flush=True)
        pairs.append([round(a, 4), round(b, 4)])
    return pairs


def seconds(work: Callable[[], object]) -> float:
    """Seconds that a call of `work` takes."""
    start = time.monotonic()
    work()
    return time.monotonic() - start


def summary(row: dict) -> dict:
    """What a row comes to: both medians, the ratio with its spread, and whether that reached."""
    ratios = [a / b for a, b in row["rounds"]]
    ratio = median(ratios)
    good = ratio <= row["reach"] if row["better"] == "lower" else ratio >= row["reach"]
    return {
        "ours": median(a for a, _ in row["rounds"]),
        "baseline": median(b for _, b in row["rounds"]),
        "ratio": ratio,
        "least": min(ratios),
        "most": max(ratios),
        "reached": good,
    }
