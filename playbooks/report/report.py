"""Writes the report: one HTML page, which needs nothing else, and beside it the same as Markdown.

    python report.py report.html en < data.json

data.json is what playbooks/report.yml gathers: an object with
  jaeger_url        address of Jaeger's pages, such as http://10.0.0.2:16686
  jaeger_has_pages  whether it has any: one that was built from its Go module has not
  costs             null, or what bench/ measured: {"date": ..., "modes": {mode: {"cpu_us", ...}}}
  modes             one for each mode: {"mode", "url", "trace_id", "span_id", "seconds"}, as
                    send_requests responded, "trace", as Jaeger's /api/traces/{id} gives it, "code",
                    the module's text, and "unit", the unit's, or null
  chain             the same of a request that went through all modes: {"trace_id", "span_id",
                    "trace"}
"""

import ast
import difflib
import json
import re
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from itertools import combinations
from pathlib import Path

import jinja2
from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from claims import (
    CHAIN,
    CODE,
    COSTS,
    DIFFERENCES,
    LANGUAGES,
    LESSONS,
    NOTES,
    TEXTS,
    Text,
    duration,
    number,
    percent,
)

sys.path.append(str(Path(__file__).parents[1] / "library"))
from compare_traces import span_tree

FOLDER = Path(__file__).parent
# How Jaeger writes down what it shows elsewhere.
SHOWN_ELSEWHERE = {"span.kind", "internal.span.format", "otel.status_code"}
SCOPE = {"otel.library.name", "otel.library.version", "otel.scope.name", "otel.scope.version"}


def covered(spans: list[dict], start: int, end: int) -> list[tuple[int, int]]:
    """Return the parts of [start, end] in which one of the spans is under way, in order."""
    parts = []
    for span in sorted(spans, key=lambda span: span["start"]):
        first = max(span["start"], start)
        last = min(span["start"] + span["duration"], end)
        if parts and first <= parts[-1][1]:
            parts[-1] = (parts[-1][0], max(last, parts[-1][1]))
        elif first < last:
            parts.append((first, last))
    return parts


@dataclass
class Trace:
    """What was recorded of a request."""

    trace_id: str
    span_id: str
    trace: dict

    @cached_property
    def spans(self) -> list[dict]:
        """Its spans, parents first and in the order of their start, as `span_tree` gives them."""
        found = []

        def add(nodes, depth, above):
            for node in nodes:
                found.append({**node, "depth": depth, "above": above})
                add(node["children"], depth + 1, node["name"])

        add(span_tree(self.trace), 0, "")
        return found

    @property
    def root(self) -> dict:
        return self.spans[0]

    @cached_property
    def start(self) -> int:
        """When its first span starts, in microseconds."""
        return min(span["start"] for span in self.spans)

    @cached_property
    def end(self) -> int:
        return max(span["start"] + span["duration"] for span in self.spans)

    @cached_property
    def services(self) -> list[str]:
        return list(dict.fromkeys(span["service"] for span in self.spans))

    @cached_property
    def calls(self) -> list[tuple[dict, dict]]:
        """Its spans that are another service's than their parent, each after that parent."""
        return [
            (span, child)
            for span in self.spans
            for child in span["children"]
            if child["service"] != span["service"]
        ]

    @cached_property
    def blank(self) -> list[tuple[int, int]]:
        """The parts of the root in which no span below it is under way."""
        start, end = self.root["start"], self.root["start"] + self.root["duration"]
        below = covered([span for span in self.spans if span["depth"] > 0], start, end)
        edges = [start, *(edge for part in below for edge in part), end]
        return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]


@dataclass
class Mode(Trace):
    """A mode, and what it recorded of its request."""

    mode: str
    url: str
    seconds: float
    code: str
    unit: str | None = None
    name: Text = field(init=False)

    def __post_init__(self):
        self.file = f"server_{self.mode}.py"
        self.name = TEXTS.get(f"mode_{self.mode}", Text(self.mode, self.mode))

    @cached_property
    def functions(self) -> list[dict]:
        """The spans of the app's own functions: inside of a process, and by no library."""
        return [
            span
            for span in self.spans
            if span["kind"] == "internal" and not span["scope"].startswith("opentelemetry.")
        ]

    @cached_property
    def functions_share(self) -> float:
        """The share of the root's time in which one of the app's functions is under way."""
        start, end = self.root["start"], self.root["start"] + self.root["duration"]
        return sum(b - a for a, b in covered(self.functions, start, end)) / max(end - start, 1)

    @cached_property
    def database(self) -> list[dict]:
        return [s for s in self.spans if {"db.system", "db.system.name"} & set(s["attributes"])]

    @cached_property
    def queries(self) -> list[str]:
        texts = [
            s["attributes"].get("db.statement", s["attributes"].get("db.query.text"))
            for s in self.database
        ]
        return [" ".join(text.split()) for text in texts if text]

    @cached_property
    def blank_share(self) -> float:
        return sum(b - a for a, b in self.blank) / max(self.root["duration"], 1)

    @cached_property
    def code_only(self) -> str:
        """Its module without the docstring, which may speak of anything."""
        return "\n".join(self.code.splitlines()[docstring_end(self.code) :])

    @cached_property
    def shape(self) -> list[tuple]:
        """What two traces have in common that the same instrumentation made."""
        return [(s["depth"], s["name"], s["kind"], s["scope"]) for s in self.spans]

    @cached_property
    def started_by(self) -> list[str]:
        """The lines of its unit that start it and configure OpenTelemetry."""
        return re.findall(
            r"^(?:Environment=OTEL_|ExecStart=)(?:.*\\\n)*.*", self.unit or "", re.MULTILINE
        )


class Axis:
    """A time axis for some traces, each from its own start: as long as the longest."""

    def __init__(self, *traces: Trace):
        self.traces = traces
        self.length = max(trace.end - trace.start for trace in traces)  # Microseconds.

    @cached_property
    def step(self) -> float:
        """Microseconds from one mark to the next, a round number."""
        rough = self.length / 4.5
        size = 10 ** (len(str(int(rough))) - 1)
        return next(f * size for f in (1, 2, 2.5, 5, 10) if f * size >= rough)

    @property
    def ticks(self) -> list[tuple[float, Text]]:
        """The marks: where (0 to 1) and what."""
        count = int(self.length / self.step) + 1
        marks = [Text("0", "0"), *(duration(i * self.step, "g") for i in range(1, count))]
        return [(i * self.step / self.length, mark) for i, mark in enumerate(marks)]

    def rows(self, trace: Trace) -> list[dict]:
        """Return a trace's spans as rows of its waterfall; places are shares of the axis."""

        def place(start, end):
            return (start - trace.start) / self.length, (end - start) / self.length

        return [
            {
                **span,
                "at": place(span["start"], span["start"] + span["duration"]),
                "after": duration(span["start"] - trace.start),
                "takes": duration(span["duration"]),
                "blank": [
                    (*place(a, b), duration(b - a))
                    for a, b in (trace.blank if span is trace.root else [])
                    if b - a > self.length / 5
                ],
                "tables": tables(span),
            }
            for span in trace.spans
        ]

    @cached_property
    def has_blank(self) -> bool:
        return any(row["blank"] for trace in self.traces for row in self.rows(trace))


class Report:
    """All that the page says, but for its form."""

    def __init__(self, data: dict):
        """Take what playbooks/report.yml gathered; KeyError or TypeError if some is missing."""
        self.jaeger_url = data["jaeger_url"]
        self.jaeger_has_pages = data["jaeger_has_pages"]
        self.costs = data.get("costs")
        self.modes = [
            Mode(**{name: mode.get(name) for name in Mode.__match_args__}) for mode in data["modes"]
        ]
        self.by_name = {mode.mode: mode for mode in self.modes}
        self.chain = Trace(**{name: data["chain"][name] for name in Trace.__match_args__})
        self.axis, self.chain_axis = Axis(*self.modes), Axis(self.chain)
        self.made = datetime.fromtimestamp(self.modes[0].start / 1e6, UTC)

    def said(self, checks) -> list[tuple[Text, dict]]:
        """Return the texts of those checks that hold, each with the values that it names."""
        return [
            (TEXTS[check.__name__], values)
            for check in checks
            if (values := check(self)) is not None
        ]

    @cached_property
    def hues(self) -> dict[str, int]:
        """A number for each service, by which it is coloured."""
        services = [s for trace in (*self.modes, self.chain) for s in trace.services]
        return {service: i for i, service in enumerate(dict.fromkeys(services))}

    def hue(self, mode: Mode) -> int:
        return self.hues[mode.root["service"]]

    @property
    def differences(self) -> list[dict]:
        """What not all modes record: its name, what each has, and why, or None if it is not so."""
        rows = []
        for row in DIFFERENCES:
            cells = [row.cell(mode) for mode in self.modes]
            name = row.cell.__name__
            if any(cell != cells[0] for cell in cells):
                why = TEXTS[f"why_{name}"] if row.check(self) is not None else None
                rows.append({"name": TEXTS[f"row_{name}"], "cells": cells, "why": why})
        return rows

    @cached_property
    def plain(self) -> Mode | None:
        """The mode whose module has no telemetry, with which the others are compared."""
        return next((m for m in self.modes if "opentelemetry" not in m.code_only), None)

    @cached_property
    def changes(self) -> list[dict]:
        """What each module has that the plain one has not, as a diff, and what starts it."""
        common = set.intersection(*(set(mode.started_by) for mode in self.modes))
        return [
            {
                "mode": mode,
                **changes(self.plain.code, mode.code),
                "unit": [line for line in mode.started_by if line not in common],
                "notes": self.said(CODE.get(mode.mode, [])),
            }
            for mode in self.modes
            if self.plain
        ]

    @property
    def cost_rows(self) -> list[dict]:
        """What a request costs in each mode that was measured; `widths` are shares of the most."""
        costs = self.costs["modes"] if self.costs else {}
        most = max((cost["cpu_us"] for cost in costs.values()), default=1)
        return [
            {
                **cost,
                "mode": self.by_name[name],
                "widths": [(cost["cpu_us"] - cost["extra_us"]) / most, cost["extra_us"] / most],
            }
            for name, cost in costs.items()
            if name in self.by_name
        ]

    @property
    def links(self) -> dict[str, list | str]:
        """Jaeger's pages: of each trace, of each two side by side, and of who calls whom."""
        page = f"{self.jaeger_url}/trace/"
        return {
            "traces": [(mode, page + mode.trace_id) for mode in self.modes],
            "chain": page + self.chain.trace_id,
            "dependencies": f"{self.jaeger_url}/dependencies",
            "pairs": [
                (one, other, f"{page}{one.trace_id}...{other.trace_id}")
                for one, other in combinations(self.modes, 2)
            ],
        }


def tables(span: dict) -> list[tuple[str, list[tuple[str, object]]]]:
    """Return a span's facts in tables: the key of each one's caption in TEXTS, and its rows."""
    resource = {key: value for key, value in span["resource"].items() if key not in SCOPE}
    own = {
        key: value
        for key, value in span["attributes"].items()
        if key not in SCOPE | SHOWN_ELSEWHERE and key not in resource
    }
    scope = {key: span["attributes"][key] for key in SCOPE & set(span["attributes"])}
    events = [("exception.type", name) for name in span["exceptions"]]
    status = [("status", span["status"])] if span["status"] != "unset" else []
    found = [
        ("attributes", status + sorted(own.items())),
        ("events", events),
        ("scope", sorted(scope.items())),
        ("resource", sorted({"service.name": span["service"], **resource}.items())),
    ]
    return [(caption, rows) for caption, rows in found if rows]


def docstring_end(code: str) -> int:
    """Return the number of the line on which a module's docstring ends; 0 if it has none."""
    tree = ast.parse(code)
    return tree.body[0].end_lineno if ast.get_docstring(tree) is not None else 0


def coloured(code: str) -> list[Markup]:
    """Return a module's lines as HTML with Pygments' classes."""
    html = highlight(code, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True))
    return [Markup(line) for line in html.splitlines()]


def changes(plain: str, code: str) -> dict:
    """Return what a module has that the plain one has not, and what not; docstrings apart.

    `added` and `removed` are numbers of lines; `hunks` are lists of lines, each with its `sign`
    (+, - or a space), `number`, `text` and `html`.
    """
    sides = []
    for text in plain, code:
        skip = docstring_end(text)
        lines = zip(text.splitlines(), coloured(text), strict=True)
        numbered = [(i, line, html) for i, (line, html) in enumerate(lines, 1)]
        sides.append(numbered[skip:])
    before, after = sides
    matcher = difflib.SequenceMatcher(None, [x[1] for x in before], [x[1] for x in after], False)
    hunks = []
    for group in matcher.get_grouped_opcodes(1):
        hunk = []
        for tag, a, b, c, d in group:
            if tag == "equal":
                hunk += [(" ", *line) for line in after[c:d]]
            else:
                hunk += [("-", *line) for line in before[a:b]]
                hunk += [("+", *line) for line in after[c:d]]
        hunks.append([dict(zip(("sign", "number", "text", "html"), x, strict=True)) for x in hunk])
    signs = [line["sign"] for hunk in hunks for line in hunk if line["text"].strip()]
    return {"added": signs.count("+"), "removed": signs.count("-"), "hunks": hunks}


def in_language(value: object, language: str) -> object:
    """Return a value, or if it is a Text its part in one of LANGUAGES."""
    return getattr(value, language) if isinstance(value, Text) else value


def in_markdown(text: Text | str, language: str, values: dict | None = None) -> str:
    """Return a text in one language, with its values."""
    said = {name: in_language(value, language) for name, value in (values or {}).items()}
    return str(in_language(text, language)).format(**said)


def in_html(text: Text | str, values: dict | None = None) -> Markup:
    """Return a text in every language, each in an element of its own, with its values.

    What stands between `signs` like these becomes code, and between **these** strong.
    """
    parts = []
    for language in LANGUAGES:
        html = str(escape(in_language(text, language)))
        html = re.sub(r"`(.+?)`", r"<code>\1</code>", html)
        html = Markup(re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", html))
        said = {name: in_language(value, language) for name, value in (values or {}).items()}
        parts.append(html.format(**said) if values is not None else html)
    if len(set(parts)) == 1:
        return parts[0]
    pairs = zip(LANGUAGES, parts, strict=True)
    return Markup("").join(Markup('<span lang="{}">{}</span>').format(*pair) for pair in pairs)


def render(report: Report, template: str, **context) -> str:
    """Return the report by one of the templates beside this file."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["t"] = context["t"]
    return environment.get_template(template).render(
        report=report,
        words=TEXTS,
        lessons=report.said(LESSONS),
        notes=report.said(NOTES),
        chain_notes=report.said(CHAIN),
        cost_notes=report.said(COSTS),
        **context,
    )


def in_page(report: Report) -> str:
    """Return the report as an HTML page, in every language."""
    return render(report, "report.html.j2", t=in_html, number=number, percent=percent)


def in_terminal(report: Report, language: str) -> str:
    """Return the report as Markdown, in one of LANGUAGES."""

    def t(text, values=None):
        return in_markdown(text, language, values)

    return render(report, "report.md.j2", t=t, number=number, percent=percent)


def main(page: Path, language: str):
    """Write the page and its Markdown."""
    report = Report(json.load(sys.stdin))
    page.write_text(in_page(report), encoding="utf-8")
    page.with_suffix(".md").write_text(in_terminal(report, language), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
