"""What the report claims: each explanation, by its name in texts.yml, beside the check on the data.

A check takes the report and returns the values that the text names (dict), or None where it does
not hold; then the text is not said.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import yaml


class Text(NamedTuple):
    """The same in each language."""

    en: str
    ru: str


LANGUAGES = Text._fields
TEXTS = {
    name: Text(**text)
    for name, text in yaml.safe_load(
        Path(__file__).with_name("texts.yml").read_text(encoding="utf-8")
    ).items()
}


def number(value: float) -> Text:
    """Return a number with three digits or all of its integer part, as each language writes it."""
    text = f"{value:.{max(0, 3 - len(str(int(value))))}f}"
    return Text(text, text.replace(".", ","))


def duration(microseconds: float, digits: str = "#.4g") -> Text:
    """Return a time in the unit that suits it, with digits as `format` understands it."""
    for name, size in ("seconds", 1e6), ("milliseconds", 1e3), ("microseconds", 1):
        if microseconds >= size or size == 1:
            text = format(microseconds / size, digits if size > 1 else ".0f").rstrip(".")
            unit = TEXTS[name]
            return Text(
                f"{text}\N{NO-BREAK SPACE}{unit.en}",
                f"{text.replace('.', ',')}\N{NO-BREAK SPACE}{unit.ru}",
            )


def percent(share: float) -> Text:
    """Return a share (0 to 1) in percent; less than all of it is never called 100."""
    amount = number(min(share * 100, 99.9) if share < 1 else 100)
    return Text(f"{amount.en}%", f"{amount.ru}\N{NO-BREAK SPACE}%")


def names(spans) -> str:
    return ", ".join(dict.fromkeys(span["name"] for span in spans))


def modes(report, *wanted):
    """Return the modes of these names, or None if one is missing."""
    found = [report.by_name.get(name) for name in wanted]
    return found if all(found) else None


def services(report):
    """Return the services' names, in the order of the modes."""
    return [mode.root["service"] for mode in report.modes]


def only_manual_has_functions(report):
    found = modes(report, "manual")
    if not found or [mode for mode in report.modes if mode.functions] != found:
        return None
    manual = found[0]
    return {"functions": names(manual.functions), "share": percent(manual.functions_share)}


def only_libraries_have_the_database(report):
    found = modes(report, "programmatic", "automatic")
    if not found or [mode for mode in report.modes if mode.database] != found:
        return None
    spans = found[0].database
    return {"spans": len(spans), "time": duration(sum(span["duration"] for span in spans))}


def libraries_agree(report):
    found = modes(report, "programmatic", "automatic")
    if not found or found[0].shape != found[1].shape:
        return None
    return {"spans": len(found[0].spans)}


def libraries_differ(report):
    found = modes(report, "programmatic", "automatic")
    if not found or found[0].shape == found[1].shape:
        return None
    return {"one": len(found[0].spans), "other": len(found[1].spans)}


LESSONS = [
    only_manual_has_functions,
    only_libraries_have_the_database,
    libraries_agree,
    libraries_differ,
]


def durations(report) -> tuple[dict, float]:
    """Return the shortest and the longest request, and how many times the latter is longer."""
    times = [mode.root["duration"] for mode in report.modes]
    values = {"least": duration(min(times)), "most": duration(max(times))}
    return values, max(times) / max(min(times), 1)


def durations_agree(report):
    values, times = durations(report)
    return values if times <= 1.1 else None


def durations_differ(report):
    values, times = durations(report)
    return values if times > 1.1 else None


def callers_trace_goes_on(report):
    return {} if not callers_trace_ends(report) else None


def callers_trace_ends(report):
    lost = [mode.mode for mode in report.modes if mode.root["parent"] != mode.span_id]
    return {"modes": ", ".join(lost)} if lost else None


NOTES = [durations_agree, durations_differ, callers_trace_goes_on, callers_trace_ends]


# What a mode records: text, or empty.
def first_span(mode):
    return mode.root["name"]


def functions(mode):
    return names(mode.functions)


def time_seen(mode):
    return percent(1 - mode.blank_share)


def connection(mode):
    return names(span for span in mode.database if span["name"] == "connect")


def query(mode):
    return "; ".join(dict.fromkeys(mode.queries))


def route(mode):
    return mode.root["attributes"].get("http.route", "")


def version(mode):
    versions = {
        f"{span['scope'].rpartition('.')[2]} {span['attributes']['otel.library.version']}"
        for span in mode.spans
        if "otel.library.version" in span["attributes"]
    }
    return ", ".join(sorted(versions))


def auto_version(mode):
    return mode.root["resource"].get("telemetry.auto.version", "")


def as_expected(cell, *wanted):
    """Return a check: of the three modes, `cell(mode)` is true of exactly those that are wanted."""

    def check(report):
        if not modes(report, "manual", "programmatic", "automatic"):
            return None
        return {} if {mode.mode for mode in report.modes if cell(mode)} == set(wanted) else None

    return check


def is_named_by_route(mode):
    attributes = mode.root["attributes"]
    return first_span(mode) == f"{attributes.get('http.method')} {attributes.get('http.route')}"


@dataclass
class Difference:
    """What a mode records or not, and the check of why: `row_` and `why_` in texts.yml."""

    cell: Callable
    check: Callable


LIBRARIES = ("programmatic", "automatic")
DIFFERENCES = [
    Difference(first_span, as_expected(is_named_by_route, *LIBRARIES)),
    Difference(functions, as_expected(functions, "manual")),
    Difference(time_seen, as_expected(lambda mode: mode.blank_share > 0.5, *LIBRARIES)),
    Difference(connection, as_expected(connection, *LIBRARIES)),
    Difference(query, as_expected(query, *LIBRARIES)),
    Difference(route, as_expected(route, *LIBRARIES)),
    Difference(version, as_expected(version, *LIBRARIES)),
    Difference(auto_version, as_expected(auto_version, "automatic")),
]


def adds_telemetry(mode):
    """Whether a mode's unit starts it by opentelemetry-instrument."""
    return any("opentelemetry-instrument" in line for line in mode.started_by)


def every_span_is_written(report):
    found = modes(report, "manual")
    if not found:
        return None
    made = len(re.findall(r"start_(?:as_current_)?span\(", found[0].code_only))
    spans = [
        span
        for span in found[0].spans + report.chain.spans
        if span["service"] == found[0].root["service"]
    ]
    return {"spans": made} if made and made == len(spans) else None


def calls_switch_libraries_on(report):
    found = modes(report, *LIBRARIES)
    calls = len(re.findall(r"\.instrument(?:_app)?\(", found[0].code_only)) if found else 0
    return {"calls": calls} if calls and adds_telemetry(found[1]) else None


def no_telemetry_in_the_module(report):
    found = modes(report, "automatic")
    if not found or "opentelemetry" in found[0].code_only or not adds_telemetry(found[0]):
        return None
    return {"file": found[0].file}


CODE = {
    "manual": [every_span_is_written],
    "programmatic": [calls_switch_libraries_on],
    "automatic": [no_telemetry_in_the_module],
}


def chain_is_one_trace(report):
    chain = report.chain
    passed = [chain.root["service"], *(called["service"] for _, called in chain.calls)]
    kinds = {(caller["kind"], called["kind"]) for caller, called in chain.calls}
    whole = sum(span["depth"] == 0 for span in chain.spans) == 1
    path = chain.root["attributes"].get("http.target")
    if not (path and whole) or kinds != {("client", "server")} or passed != services(report):
        return None
    return {
        "path": path,
        "spans": len(chain.spans),
        "services": len(passed),
    }


def chain_is_handed_on(report):
    found = modes(report, "manual", "programmatic")
    if not found or not chain_is_one_trace(report) or "inject(" not in found[0].code_only:
        return None
    scopes = {caller["service"]: caller["scope"] for caller, _ in report.chain.calls}
    hand, library = (scopes.get(mode.root["service"], "") for mode in found)
    if hand.startswith("opentelemetry.") or library != "opentelemetry.instrumentation.urllib":
        return None
    return {"hand": found[0].file, "library": found[1].file}


def chain_ends_early(report):
    passed = report.chain.services
    if len(passed) == len(report.modes) or passed != services(report)[: len(passed)]:
        return None
    return {"last": passed[-1]}


CHAIN = [chain_is_one_trace, chain_is_handed_on, chain_ends_early]


def costs_differ(report):
    rows = sorted(report.cost_rows, key=lambda row: row["extra_us"])
    if not rows or rows[0]["extra_us"] <= 0 or rows[0]["extra_us"] == rows[-1]["extra_us"]:
        return None
    low, high = rows[0], rows[-1]
    times = number(high["extra_us"] / low["extra_us"])
    return {"low": low["mode"].name, "high": high["mode"].name, "times": times}


COSTS = [costs_differ]
