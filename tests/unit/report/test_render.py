"""The page and the Markdown show the same, safely and in full."""

import re

import jinja2
import pytest

from report.model import Report
from report.render import inline_markup, render_html, render_markdown
from report.texts import WORDS
from tests.support.page_words import PageWords
from tests.support.report_data import CHAIN_MODES, cost

HOST = "http://10.0.0.2:"
JAEGER = f"{HOST}16686"


def test_the_page_is_self_contained(lab_data):
    page = render_html(lab_data.report())
    addresses = PageWords(page, "en").addresses
    assert [address for address in addresses if not address.startswith(("#", HOST))] == []
    assert not re.search(r"url\(|@import|<(link|iframe|img)\b", page)


@pytest.mark.parametrize(("has_pages", "path"), [(True, "trace"), (False, "api/traces")])
def test_each_trace_is_linked_to_its_page_or_without_pages_to_its_data(lab_data, has_pages, path):
    """Without pages, Jaeger shows a placeholder at the address of a page."""
    lab_data.jaeger_has_pages = has_pages
    report = lab_data.report()
    addresses = PageWords(render_html(report), "en").addresses
    markdown = render_markdown(report, "en")
    traces = {f"{JAEGER}/{path}/{trace_id}" for trace_id in lab_data.trace_ids}
    linked = {address for address in addresses if re.search(rf"{JAEGER}.*/traces?/", address)}
    to_spans = {address for address in linked if "uiFind" in address}
    assert linked - to_spans == traces
    spans = [*report.chain.spans, *(span for mode in report.modes for span in mode.trace.spans)]
    assert {span.span_id for span in spans if has_pages} <= {a[-16:] for a in to_spans}
    assert set(re.findall(rf"{JAEGER}\S*/traces?/\S+$", markdown, re.MULTILINE)) == traces


def test_other_systems_are_linked_with_what_they_have(lab_data):
    links = [url for system in lab_data.other_systems for url in system["urls"]]
    report = lab_data.report()
    page = PageWords(render_html(report), "en")
    markdown = render_markdown(report, "ru")
    assert set(links) <= set(page.addresses)
    assert "Zipkin" in page.text
    assert f"| Zipkin | [3\N{NO-BREAK SPACE}спана]({links[0]}) |" in markdown
    assert f"| Prometheus | [экземпляр]({links[3]}) |" in markdown
    assert f"| Elasticsearch | [2\N{NO-BREAK SPACE}строки журнала]({links[6]}) |" in markdown


def test_without_other_systems_there_is_no_section_about_them(lab_data):
    lab_data.other_systems = []
    report = lab_data.report()
    title = WORDS["other_systems"].en
    assert title not in PageWords(render_html(report), "en").text
    assert title not in render_markdown(report, "en")


def test_ids_can_be_copied(lab_data):
    page = render_html(lab_data.report())
    for trace_id in {*lab_data.trace_ids[:3], lab_data.trace_ids[-1]}:
        assert f'<code>{trace_id}</code> <button type="button" class="copy">' in page
    assert f"{lab_data.trace_ids[0]} {WORDS['copy_id'].en}" in PageWords(page, "en").text


def test_two_traces_are_not_compared_in_jaeger(lab_data):
    """Its comparison finds spans by service and name, so that each would differ by 100 %."""
    report = lab_data.report()
    assert "..." not in "".join(PageWords(render_html(report), "en").addresses)
    assert not re.search(r"http\S+\.\.\.", render_markdown(report, "en"))


@pytest.mark.parametrize("has_pages", [True, False])
def test_the_graph_of_services_is_linked_if_jaeger_has_pages(lab_data, has_pages):
    lab_data.jaeger_has_pages = has_pages
    report = lab_data.report()
    graph = f"{JAEGER}/dependencies"
    assert (graph in PageWords(render_html(report), "en").addresses) == has_pages
    assert (graph in render_markdown(report, "en")) == has_pages


def test_what_a_client_sends_is_text_and_never_markup(lab_data):
    sent = "<script>alert(1)</script>{0}`|"
    lab_data.manual.root["attributes"]["http.user_agent"] = sent
    lab_data.programmatic.root["name"] = sent
    report = lab_data.report()
    page = render_html(report)
    assert "<script>alert" not in page
    assert PageWords(page, "en").text.count("<script>alert(1)</script>") >= 2
    # A bar would end the cell of the table.
    assert r"| <script>alert(1)</script>{0}`\| |" in render_markdown(report, "en")


def test_a_text_may_have_code_and_strong_words_only():
    html = "<code>a</code> <strong>b <code>c</code></strong> &lt;i&gt;"
    assert inline_markup("`a` **b `c`** <i>") == html


@pytest.mark.parametrize(("name", "value"), [("user", ""), ("user {0}", "Ada")])
def test_an_attribute_may_be_empty_and_its_name_have_braces(lab_data, name, value):
    lab_data.manual.root["attributes"][name] = value
    row = f"| {name} | {value or '-'} | - | - |  |".replace("-", "\N{EN DASH}")
    assert row in render_markdown(lab_data.report(), "en")


def test_the_trace_across_services_names_the_service_of_each_span(lab_data):
    report = lab_data.report()
    services = [row.span.service for row in report.chain_axis.rows(report.chain)]
    assert services == [f"server_{mode}" for mode in CHAIN_MODES]
    assert len({report.colour_index(service) for service in services}) == 3
    assert "server_manual → server_programmatic → server_automatic" in render_html(report)
    markdown = render_markdown(report, "en")
    for line in (
        "server_manual: chain",
        "  server_manual: ask_next",
        "    server_programmatic: GET /chain",
        "      server_programmatic: GET",
        "        server_automatic: GET /chain",
    ):
        assert re.search(rf"^{line} +\w+ +\|", markdown, re.MULTILINE), line


def test_each_bar_of_the_markdown_is_drawn_to_scale(lab_data):
    markdown = render_markdown(lab_data.report(), "en")
    bars = re.findall(r"^ *(some_func_two|connect) +\w+ +\|(.*)\|", markdown, re.MULTILINE)
    assert bars[0] == ("some_func_two", f"{' ' * 20}{'█' * 20}")
    assert bars[1] == ("connect", f"█{' ' * 39}")


@pytest.mark.parametrize("extra_us", [0, -5, -226])
def test_costs_of_nothing_or_less_are_shown_as_measured(lab_data, extra_us):
    lab_data.costs["modes"] = dict.fromkeys(lab_data.costs["modes"], cost(extra_us))
    report = lab_data.report()
    cpu_us = {0: "226", -5: "221", -226: "0.00"}[extra_us]
    assert f"| Manual | {cpu_us} |" in render_markdown(report, "en")
    assert WORDS["costs"].en in PageWords(render_html(report), "en").text


def test_without_telemetry_nothing_is_measured_of_it(lab_data):
    report = lab_data.report()
    assert "| Untraced | 226 | 0 | 0 | \N{EN DASH} |" in render_markdown(report, "en")
    assert "телеметрия на один спан, мкс\N{EN DASH}" in PageWords(render_html(report), "ru").text


def test_a_mode_is_named_in_the_case_that_its_sentence_needs(lab_data):
    lab_data.manual.root["parent"] = lab_data.automatic.root["parent"] = "0"
    markdown = render_markdown(lab_data.report(), "ru")
    assert "обходится в автоматическом режиме: в 2,86" in markdown
    assert "не учтён в ручном режиме и в автоматическом режиме." in markdown


@pytest.mark.parametrize(("url", "is_told"), [(JAEGER, True), ("https://lab", False)])
def test_how_to_reach_a_host_is_told_unless_a_proxy_publishes_it(lab_data, url, is_told):
    report = Report.from_json({**lab_data.data(), "jaeger_url": url})
    for output in render_html(report), render_markdown(report, "en"):
        assert ("an SSH command" in output) == is_told


def test_the_switch_of_the_conventions_can_be_copied(lab_data):
    report = lab_data.report()
    command = "sudo systemctl restart car-automatic"
    assert re.search(rf"^{command}$", render_markdown(report, "en"), re.MULTILINE)
    assert re.search(rf"^{command}\n</pre> <button", render_html(report), re.MULTILINE)


def test_a_missing_text_is_an_error(lab_data, monkeypatch):
    monkeypatch.delitem(WORDS, "lessons")
    with pytest.raises(jinja2.UndefinedError):
        render_html(lab_data.report())
