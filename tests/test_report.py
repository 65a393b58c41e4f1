"""The report: what it claims is so in its data, and a browser shows it to everyone."""

import copy
import json
import re
import shutil
from html.parser import HTMLParser
from itertools import chain

import jinja2
import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import REPOSITORY, run
from playwright.sync_api import sync_playwright

import claims
from compare_traces import difference, read_trace, span_tree
from report import Report, in_page, in_terminal

FLASK = "opentelemetry.instrumentation.flask"
SQLALCHEMY = "opentelemetry.instrumentation.sqlalchemy"
URLLIB = "opentelemetry.instrumentation.urllib"
QUERY = {"db.system": "sqlite", "db.statement": "SELECT cars.id \nFROM cars"}
SECOND = 1_000_000
SPANS_OF_THE_CHAIN = ["manual", "manual", "programmatic", "programmatic", "automatic"]
CYRILLIC = r"[\u0400-\u04ff]"


def span(name, kind, scope, start, duration, children=(), **attributes):
    """A span for `trace`; times in microseconds, attributes by names with _ for a dot."""
    tags = {key.replace("_", ".", 1): value for key, value in attributes.items()}
    return {
        **{"name": name, "kind": kind, "scope": scope, "start": start, "duration": duration},
        **{"children": list(children), "tags": tags, "service": None, "resource": {}},
    }


def trace(root, service, parent):
    """A trace as Jaeger 1.57 gives it: the scope among the tags of a process."""
    made = {"spans": [], "processes": {}}

    def add(span, service, parent):
        service = span["service"] or service
        key = f"p{len(made['spans'])}"
        process = {"host.name": "lab", "otel.library.name": span["scope"], **span["resource"]}
        if span["scope"].startswith("opentelemetry."):
            process["otel.library.version"] = "0.66b1"
        made["processes"][key] = {
            "serviceName": service,
            "tags": [{"key": k, "value": v} for k, v in process.items()],
        }
        tags = {"span.kind": span["kind"], **span["tags"]}
        made["spans"].append(
            {
                **{"spanID": key, "operationName": span["name"], "processID": key, "logs": []},
                **{"startTime": 1_795_501_968_000_000 + span["start"]},
                "duration": span["duration"],
                "references": [{"refType": "CHILD_OF", "spanID": parent}],
                "tags": [{"key": k, "value": v} for k, v in tags.items()],
            }
        )
        for child in span["children"]:
            add(child, service, key)

    add(root, service, parent)
    return made


@pytest.fixture
def lab_data():
    """What playbooks/report.yml gathers of a lab, but the traces as trees, for `as_gathered`."""

    def libraries():
        return span(
            *("GET /cars", "server", FLASK, 0, SECOND),
            [
                span("connect", "client", SQLALCHEMY, 900, 300, db_system="sqlite"),
                span("SELECT cars.db", "client", SQLALCHEMY, 1300, 200, **QUERY),
            ],
            **{"http.method": "GET", "http.target": "/cars", "http.route": "/cars"},
        )

    two = span("some_func_two", "internal", "server_manual", 502_000, 498_000)
    one = span("some_func_one", "internal", "server_manual", 1500, 998_500, [two])
    roots = {
        "manual": span(
            *("server_request", "server", "server_manual", 0, SECOND, [one]),
            **{"http.method": "GET", "http.target": "/cars"},
        ),
        "programmatic": libraries(),
        "automatic": libraries(),
    }
    roots["automatic"]["resource"] = {"telemetry.auto.version": "0.66b1"}
    last = span("GET /chain", "server", FLASK, 6000, 1000)
    call = span("GET", "client", URLLIB, 4000, 3500, [last])
    middle = span("GET /chain", "server", FLASK, 3000, 5000, [call])
    last["service"], middle["service"] = "server_automatic", "server_programmatic"
    ask = span("ask_next", "client", "server_manual", 1000, 8000, [middle])
    first = span("chain", "server", "server_manual", 0, 10_000, [ask], **{"http.target": "/chain"})
    unit = "[Service]\nExecStart={}/bin/gunicorn server_{}:app\n"
    instrument = "/e/bin/opentelemetry-instrument \\\n    --traces_exporter otlp \\\n    /e"
    modes = [
        {
            "mode": mode,
            "url": "http://127.0.0.1:8082/cars",
            "trace_id": f"{i:032x}",
            "span_id": f"{i:016x}",
            "seconds": 1.0,
            "root": roots[mode],
            "code": (REPOSITORY / f"app/server_{mode}.py").read_text(),
            "unit": unit.format(instrument if mode == "automatic" else "/e", mode),
        }
        for i, mode in enumerate(roots, 1)
    ]
    costs = {
        mode: {"cpu_us": 226 + extra, "extra_us": extra, "spans": 3, "extra_us_per_span": extra / 3}
        for mode, extra in (("manual", 140), ("programmatic", 340), ("automatic", 400))
    }
    return {
        "jaeger_url": "http://10.0.0.2:16686",
        "jaeger_has_pages": False,
        "costs": {"date": "2026-11-24", "modes": costs},
        "modes": modes,
        "chain": {"trace_id": f"{4:032x}", "span_id": f"{4:016x}", "root": first},
    }


def as_gathered(data):
    data = copy.deepcopy(data)
    for mode in data["modes"]:
        parent = mode.pop("parent", mode["span_id"])
        mode["trace"] = trace(mode.pop("root"), f"server_{mode['mode']}", parent)
    across = data["chain"]
    across["trace"] = trace(across.pop("root"), "server_manual", across["span_id"])
    return data


class Words(HTMLParser):
    """A page's words in one language, `text`, and the addresses that it names, `addresses`."""

    def __init__(self, page, language):
        super().__init__()
        self.text, self.addresses, self.open, self.language = "", [], [], language
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.addresses += [attributes[name] for name in ("href", "src") if name in attributes]
        if tag not in ("meta", "input"):
            self.open.append((tag, attributes.get("lang")))

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        # The page itself is in English until its script says otherwise.
        others = {lang for tag, lang in self.open if tag != "html"} - {None, self.language}
        if not others and not {"style", "script"} & {tag for tag, _ in self.open}:
            self.text += data


def claim_names():
    lists = claims.LESSONS, claims.NOTES, claims.CHAIN, claims.COSTS, *claims.CODE.values()
    whys = {f"why_{row.cell.__name__}" for row in claims.DIFFERENCES}
    return {check.__name__ for check in chain(*lists)} | whys


def said(data) -> set[str]:
    """Which claims the report makes; its page and its Markdown must agree, in each language."""
    report = Report(as_gathered(data))
    found = []
    for language in claims.LANGUAGES:
        page = Words(in_page(report), language).text
        for text in page, re.sub(r"[`*]", "", in_terminal(report, language)):
            plain = {}
            for name in claim_names():
                words = re.split(
                    r"\{\w+\}", re.sub(r"[`*]", "", getattr(claims.TEXTS[name], language))
                )
                plain[name] = ".+?".join(map(re.escape, words))
            found.append({name for name, words in plain.items() if re.search(words, text)})
    assert all(names == found[0] for names in found)
    return found[0]


ALTERNATIVES = {"libraries_differ", "durations_differ", "callers_trace_ends", "chain_ends_early"}


def test_all_that_is_known_is_said_of_a_lab_as_it_is_made(lab_data):
    assert said(lab_data) == claim_names() - ALTERNATIVES


def change(expected):
    """Note a change to the data, and which claims it must end or begin."""

    def note(function):
        CHANGES.append(pytest.param(function, expected, id=function.__name__))
        return function

    return note


CHANGES = []


@change({"only_manual_has_functions", "every_span_is_written", "why_functions", "why_time_seen"})
def manual_has_no_functions(manual, programmatic, automatic, data):
    manual["root"]["children"] = []


@change(
    {"only_manual_has_functions", "why_functions", "libraries_agree", "libraries_differ"}
    | {"why_time_seen"}
)
def programmatic_has_a_function(manual, programmatic, automatic, data):
    programmatic["root"]["children"].append(
        span("some_func_one", "internal", "cars", 1500, 998_500)
    )


@change(
    {"only_libraries_have_the_database", "why_connection", "why_query", "every_span_is_written"}
)
def manual_has_the_database(manual, programmatic, automatic, data):
    spans = copy.deepcopy(programmatic["root"]["children"])
    for one in spans:
        one["scope"] = "server_manual"
    manual["root"]["children"] += spans


@change({"libraries_agree", "libraries_differ"})
def automatic_has_each_query_twice(manual, programmatic, automatic, data):
    automatic["root"]["children"].append(
        span("SELECT", "client", "opentelemetry.instrumentation.sqlite3", 1310, 100, **QUERY)
    )


@change({"why_auto_version"})
def automatic_does_not_say_so(manual, programmatic, automatic, data):
    automatic["root"]["resource"] = {}


@change({"callers_trace_goes_on", "callers_trace_ends"})
def a_root_without_the_callers_span(manual, programmatic, automatic, data):
    automatic["parent"] = "0"


@change({"durations_agree", "durations_differ"})
def a_request_takes_longer(manual, programmatic, automatic, data):
    automatic["root"]["duration"] *= 2


@change({"why_route", "why_first_span"})
def the_route_is_not_recorded(manual, programmatic, automatic, data):
    del automatic["root"]["tags"]["http.route"]


@change({"why_version"})
def manual_has_a_library(manual, programmatic, automatic, data):
    manual["root"]["scope"] = FLASK


@change({"no_telemetry_in_the_module", "calls_switch_libraries_on"})
def nothing_adds_telemetry(manual, programmatic, automatic, data):
    automatic["unit"] = manual["unit"]


@change({"calls_switch_libraries_on"})
def no_library_is_switched_on(manual, programmatic, automatic, data):
    programmatic["code"] = re.sub(".*Instrumentor.*\n", "", programmatic["code"])


@change({"no_telemetry_in_the_module"})
def the_automatic_module_has_telemetry(manual, programmatic, automatic, data):
    automatic["code"] += "import opentelemetry\n"
    programmatic["code"] = programmatic["code"].replace("opentelemetry", "telemetry")


@change({"every_span_is_written"})
def a_span_is_written_that_is_not_recorded(manual, programmatic, automatic, data):
    manual["code"] += 'tracer.start_span("more")\n'


@change({"chain_is_one_trace", "chain_is_handed_on", "chain_ends_early"})
def the_second_service_begins_a_trace_of_its_own(manual, programmatic, automatic, data):
    data["chain"]["root"]["children"][0]["children"] = []


@change({"chain_is_one_trace", "chain_is_handed_on"})
def the_call_is_no_client_span(manual, programmatic, automatic, data):
    data["chain"]["root"]["children"][0]["kind"] = "internal"


@change({"chain_is_handed_on"})
def a_library_makes_the_first_call(manual, programmatic, automatic, data):
    data["chain"]["root"]["children"][0]["scope"] = URLLIB


@change({"chain_is_handed_on"})
def the_header_is_not_written_by_hand(manual, programmatic, automatic, data):
    manual["code"] = manual["code"].replace("inject(", "instrument(")


@change({"every_span_is_written"})
def the_chain_has_a_span_that_is_not_written(manual, programmatic, automatic, data):
    data["chain"]["root"]["children"].append(span("more", "internal", "server_manual", 0, 1))


@change({"costs_differ"})
def nothing_was_measured(manual, programmatic, automatic, data):
    data["costs"] = None


@change({"costs_differ"})
def all_cost_the_same(manual, programmatic, automatic, data):
    for cost in data["costs"]["modes"].values():
        cost.update(cpu_us=300, extra_us=74)


@pytest.mark.parametrize("make, expected", CHANGES)
def test_a_claim_ends_when_it_is_not_so(lab_data, make, expected):
    before = said(lab_data)
    make(*lab_data["modes"], lab_data)
    assert before ^ said(lab_data) == expected


def test_every_claim_has_been_seen_to_end():
    assert set.union(*(parameters.values[1] for parameters in CHANGES)) == claim_names()


def test_both_languages_say_the_same_with_the_same_values_and_names():
    for name, text in claims.TEXTS.items():
        for pattern in r"\{\w+\}", r"`[^`]+`", r"\*\*":
            parts = [sorted(re.findall(pattern, part)) for part in text]
            assert parts[0] == parts[1], name
        assert all(part.strip() for part in text), name
        assert re.search(CYRILLIC, text.ru) or text.ru == text.en, name


def test_no_text_is_there_that_nothing_says():
    sources = [
        (REPOSITORY / "playbooks/report" / name).read_text()
        for name in ("report.py", "claims.py", "report.html.j2", "report.md.j2")
    ]
    rows = [row.cell.__name__ for row in claims.DIFFERENCES]
    built = {f"{part}_{row}" for row in rows for part in ("row", "why")}
    built |= {f"mode_{mode}" for mode in ("manual", "programmatic", "automatic")}
    unused = [
        name
        for name in set(claims.TEXTS) - built
        if not re.search(rf"words\.{name}\b|def {name}\(|[\"']{name}[\"']", "\n".join(sources))
    ]
    assert unused == []


def test_a_trace_is_awaited_until_its_root_is_there(lab_data):
    mode = as_gathered(lab_data)["modes"][0]
    item = {"title": "car-manual", "trace_id": mode["trace_id"], "span_id": mode["span_id"]}
    assert difference(item, mode["trace"]) == ""
    del mode["trace"]["spans"][0]
    for incomplete in mode["trace"], None:
        assert "its root span did not come" in difference(item, incomplete)


def test_the_page_needs_nothing_else(lab_data):
    page = in_page(Report(as_gathered(lab_data)))
    addresses = Words(page, "en").addresses
    assert [a for a in addresses if not a.startswith(("#", lab_data["jaeger_url"]))] == []
    assert not re.search(r"url\(|@import|<(link|iframe|img)\b", page)


def test_links_lead_to_each_trace_and_to_each_two_side_by_side(lab_data):
    report = Report(as_gathered(lab_data))
    ids = [mode["trace_id"] for mode in lab_data["modes"]]
    paths = [
        *ids,
        lab_data["chain"]["trace_id"],
        *(f"{a}...{b}" for a, b in ((ids[0], ids[1]), (ids[0], ids[2]), (ids[1], ids[2]))),
    ]
    page = Words(in_page(report), "en").addresses
    for path in paths:
        assert f"http://10.0.0.2:16686/trace/{path}" in page
        assert f"http://10.0.0.2:16686/trace/{path}\n" in in_terminal(report, "en") + "\n"


def test_what_a_client_sends_is_text_and_never_markup(lab_data):
    sent = "<script>alert(1)</script>{0}`|"
    lab_data["modes"][0]["root"]["tags"]["http.user_agent"] = sent
    lab_data["modes"][1]["root"]["name"] = sent
    page = in_page(Report(as_gathered(lab_data)))
    assert "<script>alert" not in page
    assert Words(page, "en").text.count("<script>alert(1)</script>") >= 2


def test_the_code_shown_is_the_difference_to_the_module_without_telemetry(lab_data):
    report = Report(as_gathered(lab_data))
    plain = (REPOSITORY / "app/server_automatic.py").read_text().splitlines()
    for change in report.changes:
        code = change["mode"].code.splitlines()
        lines = [line for hunk in change["hunks"] for line in hunk]
        for line in lines:
            source = plain if line["sign"] == "-" else code
            assert source[line["number"] - 1] == line["text"]
        # Applied backwards it makes the plain module again; docstrings apart.
        rest = list(code)
        for line in reversed(lines):
            if line["sign"] == "+":
                del rest[line["number"] - 1]
        removed = [line["text"] for line in lines if line["sign"] == "-"]
        assert sorted(rest[1:] + removed) == sorted(plain[1:])
    assert [change["added"] > 0 for change in report.changes] == [True, True, False]


@pytest.mark.parametrize(
    ("microseconds", "digits"),
    [
        (0, "0 µs"),
        (310, "310 µs"),
        (1500, "1.500 ms"),
        (999_960, "1000 ms"),
        (1_003_035, "1.003 s"),
    ],
)
def test_a_time_has_the_unit_that_suits_it(microseconds, digits):
    text = claims.duration(microseconds)
    assert text.en.replace("\N{NO-BREAK SPACE}", " ") == digits
    assert text.ru.split("\N{NO-BREAK SPACE}")[0] == digits.split()[0].replace(".", ",")


def test_the_hatched_time_is_that_of_no_inner_span(lab_data):
    modes = Report(as_gathered(lab_data)).by_name
    assert [b - a for a, b in modes["programmatic"].blank] == [900, 100, SECOND - 1500]
    assert [b - a for a, b in modes["manual"].blank] == [1500]


def test_the_trace_across_services_names_the_service_of_each_span(lab_data):
    report = Report(as_gathered(lab_data))
    services = [row["service"] for row in report.chain_axis.rows(report.chain)]
    assert services == [f"server_{name}" for name in SPANS_OF_THE_CHAIN]
    assert len({report.hues[service] for service in services}) == 3
    assert "server_manual → server_programmatic → server_automatic" in in_page(report)
    said = in_terminal(report, "en")
    for line in (
        "server_manual: chain",
        "  server_manual: ask_next",
        "    server_programmatic: GET /chain",
        "      server_programmatic: GET",
        "        server_automatic: GET /chain",
    ):
        assert re.search(rf"^{line} +\w+ +\|", said, re.MULTILINE), line


@pytest.mark.parametrize("has_pages", [True, False])
def test_the_graph_of_who_calls_whom_is_linked_where_jaeger_has_pages(lab_data, has_pages):
    lab_data["jaeger_has_pages"] = has_pages
    report = Report(as_gathered(lab_data))
    graph = "http://10.0.0.2:16686/dependencies"
    assert (graph in Words(in_page(report), "en").addresses) == has_pages
    assert (graph in in_terminal(report, "en")) == has_pages


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium, without a window."""
    if not shutil.which("chromium"):
        install = "apt-get install -qq --no-install-recommends chromium fonts-noto-core"
        installed = run("sh", "-c", f"apt-get update -qq && {install}")
        assert installed.returncode == 0, installed.stdout
    with sync_playwright() as playwright:
        # Of itself it would call home, and root has no sandbox.
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            chromium_sandbox=False,
            args=["--disable-quic", "--disable-background-networking", "--disable-sync"],
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, tmp_path):
    """A function that opens a report's page; nothing must go wrong on any of them."""
    wrong, contexts = [], []

    def visit(file, locale="en", width=1280, script=True, **settings):
        context = browser.new_context(
            locale=locale,
            viewport={"width": width, "height": 900},
            java_script_enabled=script,
            **settings,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda r: r.url == file.as_uri() or wrong.append(r.url))
        page.goto(file.as_uri())
        return page

    yield visit
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def file(lab_data, tmp_path):
    """The page of a lab as it is made."""
    (tmp_path / "report.html").write_text(in_page(Report(as_gathered(lab_data))))
    return tmp_path / "report.html"


def open_all(page):
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")


def test_three_waterfalls_are_drawn_on_one_axis(file, visit):
    check_waterfalls(visit(file))


def check_waterfalls(page):
    left, width = page.evaluate(
        "(({x, width}) => [x, width])(document.querySelector('.ticks').getBoundingClientRect())"
    )
    waterfalls = page.locator("section[aria-labelledby=waterfalls] .waterfall").all()
    assert len(waterfalls) == 3
    for waterfall in waterfalls:
        boxes = [bar.bounding_box() for bar in waterfall.locator(".bar").all()]
        assert len(boxes) == 3
        assert boxes[0]["x"] == pytest.approx(left, abs=1)
        assert boxes[0]["width"] == pytest.approx(width, rel=0.02)
        for box in boxes:
            assert box["width"] >= 4 and box["height"] >= 10
            assert box["x"] >= left - 1 and box["x"] + box["width"] <= left + width + 1
    assert [len(w.locator(".blank").all()) for w in waterfalls] == [0, 1, 1]


def test_the_trace_across_services_is_drawn_on_an_axis_of_its_own(file, visit):
    check_chain(visit(file))


def check_chain(page):
    section = page.locator("section[aria-labelledby=chain]")
    outer = section.locator(".ticks").bounding_box()
    spans = section.locator("summary").all()
    assert len(spans) == len(SPANS_OF_THE_CHAIN)
    for span, mode in zip(spans, SPANS_OF_THE_CHAIN, strict=True):
        assert span.locator(".service").inner_text() == f"server_{mode}"
        # Each is within the one that it is a child of.
        box = span.locator(".bar").bounding_box()
        assert box["width"] >= 4
        assert outer["x"] - 1 <= box["x"]
        assert box["x"] + box["width"] <= outer["x"] + outer["width"] + 1
        outer = box
    whole = section.locator(".bar").first.bounding_box()
    assert whole["width"] == pytest.approx(
        section.locator(".ticks").bounding_box()["width"], rel=0.02
    )


@pytest.mark.parametrize("act", ["click", "Enter", "Space"])
def test_a_span_shows_its_attributes(file, visit, act):
    page = visit(file)
    summary = page.locator("summary", has_text="SELECT").first
    statement = page.get_by_text("db.statement").first
    assert not statement.is_visible()
    if act == "click":
        summary.click()
    else:
        summary.focus()
        page.keyboard.press(act)
    assert statement.is_visible()


def test_the_keyboard_reaches_the_language_each_span_and_each_link(file, visit):
    page = visit(file)
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                """() => {
                    const active = document.activeElement;
                    return [...document.querySelectorAll("input, summary, a")].indexOf(active);
                }"""
            )
        )
    count = page.locator("input, summary, a").count()
    # Of radio buttons one is reached, and the arrows move to the others.
    assert len(reached - {-1}) == count - 1
    page.locator("#en").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.documentElement.lang") == "ru"


@pytest.mark.parametrize("script", [True, False], ids=["with scripts", "without scripts"])
def test_the_switch_changes_the_language_of_all_that_is_said(file, visit, script):
    page = visit(file, script=script)
    for language, label in ("ru", "Русский"), ("en", "English"):
        page.get_by_text(label, exact=True).click()
        seen = page.inner_text("body")
        for name in "title", "see", "waterfalls", "differences", "code", "cost", "chain", "jaeger":
            for other in claims.LANGUAGES:
                assert (getattr(claims.TEXTS[name], other) in seen) == (other == language)
        assert bool(re.search(CYRILLIC, seen.replace("Русский", ""))) == (language == "ru")
        if script:
            assert page.title() == getattr(claims.TEXTS["title"], language)


@pytest.mark.parametrize("locale, language", [("ru-RU", "ru"), ("en-GB", "en"), ("de", "en")])
def test_it_begins_in_the_browsers_language(file, visit, locale, language):
    page = visit(file, locale)
    assert page.evaluate("document.documentElement.lang") == language
    assert page.get_by_role("heading", level=1).inner_text() == getattr(
        claims.TEXTS["title"], language
    )


@pytest.mark.parametrize("locale", claims.LANGUAGES)
@pytest.mark.parametrize("width", [360, 768, 1024])
def test_nothing_is_wider_than_the_window(file, visit, locale, width):
    page = visit(file, locale, width)
    open_all(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("locale", claims.LANGUAGES)
def test_a_printed_page_has_all_but_the_switch(file, visit, locale):
    page = visit(file, locale, 690, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 690
    assert not page.locator(".language").is_visible()
    # Dark paper would be a waste of ink.
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == (
        "rgb(255, 255, 255)"
    )
    check_waterfalls(page)
    check_chain(page)


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_everyone_can_read_it(file, visit, color_scheme, width):
    page = visit(file, "en", width, color_scheme=color_scheme)
    open_all(page)
    for language in claims.LANGUAGES:
        page.locator(f"label[for={language}]").click()
        found = Axe().run(page).response
        assert found["violations"] == [], json.dumps(found["violations"], indent=1)
        assert "color-contrast" in {rule["id"] for rule in found["passes"]}


def test_a_template_that_names_what_is_not_there_fails(lab_data, monkeypatch):
    monkeypatch.delitem(claims.TEXTS, "see")
    with pytest.raises(jinja2.UndefinedError):
        in_page(Report(as_gathered(lab_data)))


def test_make_report_shows_the_live_traces(lab, visit, request):
    """With --pictures FOLDER it takes README's pictures too."""
    made = lab.make("report")
    assert made.returncode == 0, made.stdout
    file = lab.clone / "report.html"
    assert made.stdout.startswith("# One request") and file.as_uri() in made.stdout
    ids = re.findall(r"/trace/([0-9a-f]{32})\n", made.stdout)
    assert len(ids) == 4
    page = visit(file)
    check_waterfalls(page)
    check_chain(page)
    for id, waterfall in zip(ids, page.locator(".waterfall").all(), strict=True):
        live = read_trace(f"http://{lab.address}:16686", id)
        assert len(live["spans"]) == len(waterfall.locator("summary").all())
        assert span_tree(live)[0]["name"] in waterfall.locator("summary").first.inner_text()
    for name in claim_names() - ALTERNATIVES - {"costs_differ"}:
        first = re.split(r"\{\w+\}", claims.TEXTS[name].en)[0]
        assert first in made.stdout, name
    if folder := request.config.getoption("--pictures"):
        for language in claims.LANGUAGES:
            page = visit(file, language, device_scale_factor=1.5)
            end = page.locator(".waterfalls").first.bounding_box()
            clip = {"x": 0, "y": 0, "width": 1280, "height": end["y"] + end["height"] + 12}
            picture = REPOSITORY / folder / f"report-{language}.png"
            page.screenshot(path=picture, full_page=True, clip=clip)
