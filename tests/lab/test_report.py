"""make report shows a lab's live traces."""

import re

from compare_traces import read_trace, span_tree
from report.texts import CLAIM_TEXTS, DIFFERENCE_TEXTS, LANGUAGES
from tests.support.commands import REPOSITORY
from tests.support.report_page import assert_chain_on_its_own_axis, assert_waterfalls_on_one_axis

pytest_plugins = ["tests.support.chromium"]

# Claims that a lab's data does not support; the costs are of the last run of the benchmarks.
NOT_MADE = {
    *("libraries_differ", "durations_differ", "callers_trace_ends", "chain_ends_early"),
    "costs_differ",
}


def test_make_report_shows_the_live_traces(lab, visit, request):
    """With --pictures FOLDER it takes README's pictures too."""
    output = lab.must_make("report")
    file = lab.clone / "report.html"
    assert output.startswith("# One request")
    assert file.as_uri() in output
    trace_ids = re.findall(r"/traces?/([0-9a-f]{32})\n", output)
    assert len(trace_ids) == 7
    page = visit(file)
    traces = {id_: read_trace(lab.jaeger, id_) for id_ in trace_ids}
    roots = {id_: span_tree(trace)[0] for id_, trace in traces.items()}
    assert_waterfalls_on_one_axis(page, [roots[id_]["duration"] for id_ in trace_ids[:3]])
    assert_chain_on_its_own_axis(page)
    for trace_id, waterfall in zip(trace_ids, page.locator(".waterfall").all(), strict=True):
        rows = waterfall.locator(".span > summary")
        assert rows.count() == len(traces[trace_id]["spans"])
        assert roots[trace_id]["name"] in rows.first.inner_text()
    made_claims = [text for key, text in CLAIM_TEXTS.items() if key not in NOT_MADE]
    for text in [*made_claims, *(texts.why for texts in DIFFERENCE_TEXTS.values())]:
        for part in re.split(r"\{\w+\}", text.en):
            assert part in output
    if folder := request.config.getoption("--pictures"):
        for language in LANGUAGES:
            page = visit(file, language, device_scale_factor=1.5)
            end = page.locator(".waterfalls").first.bounding_box()
            clip = {"x": 0, "y": 0, "width": 1280, "height": end["y"] + end["height"] + 12}
            picture = REPOSITORY / folder / f"report-{language}.png"
            page.screenshot(path=picture, full_page=True, clip=clip)
