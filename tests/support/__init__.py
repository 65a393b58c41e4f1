"""Helpers that tests and benchmarks share; `commands` and `lab` do not need pytest."""
