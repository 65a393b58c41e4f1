"""Everyone can read and use the report in a browser; its data is made up, so no lab is needed."""

import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from report.render import render_html
from report.texts import LANGUAGES, WORDS
from tests.support.commands import REPOSITORY
from tests.support.report_data import MadeUpLab
from tests.support.report_page import assert_chain_on_its_own_axis, assert_waterfalls_on_one_axis

pytest_plugins = ["tests.support.chromium"]

DURATIONS = [mode.trace.root.duration for mode in MadeUpLab().report().modes]


@pytest.fixture
def file(tmp_path):
    """The page of a lab as it should be."""
    file = tmp_path / "report.html"
    file.write_text(render_html(MadeUpLab().report()))
    return file


def test_three_waterfalls_are_drawn_on_one_axis(file, visit):
    assert_waterfalls_on_one_axis(visit(file), DURATIONS)


def test_a_longer_trace_has_a_longer_bar(file, visit):
    lab = MadeUpLab()
    lab.automatic.root["duration"] = 1_500_000
    file.write_text(render_html(lab.report()))
    assert_waterfalls_on_one_axis(visit(file), [1_000_000, 1_000_000, 1_500_000])


def test_the_trace_across_services_is_drawn_on_its_own_axis(file, visit):
    assert_chain_on_its_own_axis(visit(file))


@pytest.mark.parametrize("action", ["click", "Enter", "Space"])
def test_a_span_shows_its_attributes(file, visit, action):
    page = visit(file)
    summary = page.locator("summary", has_text="SELECT").first
    statement = page.get_by_text("db.statement").first
    assert not statement.is_visible()
    if action == "click":
        summary.click()
    else:
        summary.focus()
        page.keyboard.press(action)
    assert statement.is_visible()


def test_the_keyboard_reaches_the_language_each_span_each_link_and_each_diff(file, visit):
    page = visit(file)
    reached = set()
    for _ in range(200):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "[...document.querySelectorAll('input, summary, a, .hunks')]"
                ".indexOf(document.activeElement)"
            )
        )
    count = page.locator("input, summary, a, .hunks").count()
    # Tab reaches one of the radio buttons, from which the arrows move to the other.
    assert len(reached - {-1}) == count - 1
    page.locator("#en").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.documentElement.lang") == "ru"


@pytest.mark.parametrize("script", [True, False], ids=["with scripts", "without scripts"])
def test_the_switch_changes_the_language_of_all_texts(file, visit, script):
    page = visit(file, script=script)
    headings = (
        *("title", "lessons", "waterfalls", "differences", "code", "costs", "chain", "jaeger"),
    )
    for language, label in ("ru", "Русский"), ("en", "English"):
        page.get_by_text(label, exact=True).click()
        seen = page.inner_text("body")
        for name in headings:
            for other in LANGUAGES:
                assert (getattr(WORDS[name], other) in seen) == (other == language)
        has_cyrillic = re.search(r"[\u0400-\u04ff]", seen.replace("Русский", "")) is not None
        assert has_cyrillic == (language == "ru")
        if script:
            assert page.title() == getattr(WORDS["title"], language)


@pytest.mark.parametrize(("locale", "language"), [("ru-RU", "ru"), ("en-GB", "en"), ("de", "en")])
def test_the_page_opens_in_the_browsers_language(file, visit, locale, language):
    page = visit(file, locale)
    assert page.evaluate("document.documentElement.lang") == language
    heading = page.get_by_role("heading", level=1).inner_text()
    assert heading == getattr(WORDS["title"], language)


def test_a_language_chosen_by_hand_is_kept(file, visit):
    page = visit(file)
    page.get_by_text("Русский", exact=True).click()
    page.reload()
    assert page.evaluate("document.documentElement.lang") == "ru"


def test_an_id_is_copied_by_its_button(file, visit):
    page = visit(file)
    button = page.locator(".copy").last
    button.click()
    shown = page.locator("code:has(+ .copy)").last.inner_text()
    assert page.evaluate("getSelection().toString()") == shown
    assert "done" in button.get_attribute("class")


@pytest.mark.parametrize(("width", "are_open"), [(360, False), (1280, True)])
def test_the_code_is_folded_on_a_phone(file, visit, width, are_open):
    page = visit(file, width=width)
    assert {diff.evaluate("diff => diff.open") for diff in page.locator(".diff").all()} == {
        are_open
    }


def test_a_long_diff_scrolls_on_the_screen_and_is_whole_on_paper(file, visit):
    page = visit(file)
    diff = page.locator(".hunks").first
    hidden = "diff => diff.scrollHeight - diff.clientHeight"
    assert diff.evaluate("diff => diff.clientHeight") <= 46 * 16
    assert diff.evaluate(hidden) > 0
    page.emulate_media(media="print")
    assert diff.evaluate(hidden) == 0


def test_folded_code_is_printed_and_folded_again(file, visit):
    page = visit(file, width=360)
    page.evaluate(
        "addEventListener('beforeprint', () => document.body.append("
        "document.querySelectorAll('.diff[open]').length))"
    )
    assert page.locator(".diff").count() == 2
    page.pdf()
    assert page.inner_text("body").rstrip().endswith("2")
    assert page.locator(".diff[open]").count() == 0


@pytest.mark.parametrize("width", [360, 1280])
def test_a_value_that_all_modes_have_says_so(file, visit, width):
    page = visit(file, width=width)
    cell = page.locator(".same", has_text="GET").first
    assert cell.get_by_text(WORDS["all_modes"].en).is_visible()


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize("width", [360, 768, 1024])
def test_nothing_is_wider_than_the_window(file, visit, locale, width):
    page = visit(file, locale, width)
    open_all_spans(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("locale", LANGUAGES)
def test_a_printed_page_has_all_but_the_switch(file, visit, locale):
    page = visit(file, locale, 690, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 690
    assert not page.locator(".language").is_visible()
    # Dark paper would waste ink.
    background = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert background == "rgb(255, 255, 255)"
    assert_waterfalls_on_one_axis(page, DURATIONS)
    assert_chain_on_its_own_axis(page)
    address = "a => getComputedStyle(a, '::after').content"
    for link in page.locator("main a:not([href^='#'])").all():
        assert (link.get_attribute("href") in link.evaluate(address)) or not link.is_visible()
    # Else a browser leaves backgrounds out, which is what bars are made of.
    for bar in page.locator(".bar, .gap, .costs .app").all():
        assert bar.evaluate("bar => getComputedStyle(bar).printColorAdjust") == "exact"


def test_the_console_of_prometheus_marks_the_trace_to_which_a_link_leads(browser):
    """Also if it is older than the twenty that the console shows."""
    console = (REPOSITORY / "roles/prometheus/files/cars.html").read_text()
    stub = "<script>PromConsole = {Graph: class {}}</script>"
    exemplars = [
        {"labels": {"trace_id": f"{i:032x}", "span_id": "1"}, "timestamp": i, "value": "1"}
        for i in range(30)
    ]
    series = {"service_name": "server_manual", "span_name": "server_request"}
    answer = {"data": [{"seriesLabels": series, "exemplars": exemplars}]}
    with browser.new_context() as context:
        page = context.new_page()
        page.route("**/api/**", lambda route: route.fulfill(json=answer))
        page.route(
            "**/consoles/**",
            lambda route: route.fulfill(
                body=stub + re.sub(r"\{\{.*?\}\}", "", console), content_type="text/html"
            ),
        )
        for wanted, rows in (25, 20), (3, 21):
            trace_id = f"{wanted:032x}"
            page.goto("about:blank")
            page.goto(f"http://prometheus.test/consoles/cars.html#{trace_id}")
            page.locator("#exemplars a").last.wait_for()
            assert page.locator("#exemplars a").count() == rows
            assert page.locator(".table-warning").all_inner_texts() == [
                text for text in page.locator("#exemplars tr").all_inner_texts() if trace_id in text
            ]
            assert page.locator(".table-warning").count() == 1


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_is_accessible(file, visit, color_scheme, width):
    page = visit(file, "en", width, color_scheme=color_scheme)
    open_all_spans(page)
    for language in LANGUAGES:
        page.locator(f"label[for={language}]").click()
        found = Axe().run(page).response
        assert found["violations"] == [], json.dumps(found["violations"], indent=1)
        assert "color-contrast" in {rule["id"] for rule in found["passes"]}


def open_all_spans(page):
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
