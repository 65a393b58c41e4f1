"""What a browser must show of each report."""

from collections.abc import Sequence

import pytest
from playwright.sync_api import FloatRect, Locator, Page

from tests.support.report_data import CHAIN_MODES


def box(element: Locator) -> FloatRect:
    found = element.bounding_box()
    assert found is not None, f"{element} is not visible"
    return found


def assert_waterfalls_on_one_axis(page: Page, durations: Sequence[int]) -> None:
    """Check the modes' waterfalls; their traces have these durations, in microseconds."""
    axis = box(page.locator(".ticks").first)
    waterfalls = page.locator("section[aria-labelledby=waterfalls] .waterfall").all()
    assert len(waterfalls) == 3
    for waterfall, duration in zip(waterfalls, durations, strict=True):
        bars = [box(bar) for bar in waterfall.locator(".bar").all()]
        assert len(bars) == 3
        assert bars[0]["x"] == pytest.approx(axis["x"], abs=1)
        # On a busy host, one trace may be longer than the others.
        expected = axis["width"] * duration / max(durations)
        assert bars[0]["width"] == pytest.approx(expected, rel=0.02)
        for bar in bars:
            assert bar["width"] >= 4
            assert bar["height"] >= 10
            assert_within(bar, axis)
    assert [waterfall.locator(".gap").count() for waterfall in waterfalls] == [0, 1, 1]


def assert_chain_on_its_own_axis(page: Page) -> None:
    section = page.locator("section[aria-labelledby=chain]")
    axis = box(section.locator(".ticks"))
    spans = section.locator(".span > summary").all()
    assert len(spans) == len(CHAIN_MODES)
    outer = axis
    for span, mode in zip(spans, CHAIN_MODES, strict=True):
        assert span.locator(".service").inner_text() == f"server_{mode}"
        bar = box(span.locator(".bar"))
        assert bar["width"] >= 4
        # A child span lies within its parent.
        assert_within(bar, outer)
        outer = bar
    root = box(section.locator(".bar").first)
    assert root["width"] == pytest.approx(axis["width"], rel=0.02)


def assert_within(inner: FloatRect, outer: FloatRect) -> None:
    """Horizontally, up to a pixel."""
    assert inner["x"] >= outer["x"] - 1
    assert inner["x"] + inner["width"] <= outer["x"] + outer["width"] + 1
