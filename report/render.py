"""The formats of the report: an HTML page in every language, and Markdown in one."""

import functools
import re
from collections.abc import Callable
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from report.claims import evaluate, evaluate_attributes, evaluate_differences
from report.formatting import percent
from report.model import Report
from report.texts import LANGUAGES, NOUNS, WORDS, Text
from report.waterfall import Bar, resources

TEMPLATES = Path(__file__).with_name("templates")
BAR_WIDTH = 40  # Characters.


def inline_markup(text: str) -> Markup:
    """Escape a text, and make `this` code and **this** strong."""
    html = re.sub(r"`(.+?)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", html))


def to_html(value: object) -> object:
    """Return a text in every language, each in an element of its own; any other value as it is."""
    if not isinstance(value, Text):
        return value
    parts = {language: value.in_language(language, inline_markup) for language in LANGUAGES}
    if len(set(parts.values())) == 1:
        return parts[LANGUAGES[0]]
    element = Markup('<span lang="{}">{}</span>')
    return Markup("").join(element.format(*part) for part in parts.items())


def to_text(value: object, language: str) -> object:
    """Return a text in a language; any other value as it is."""
    return value.in_language(language) if isinstance(value, Text) else value


def text_bar(bar: Bar) -> str:
    """Draw a bar in a line of text."""
    width = max(1, round(bar.width * BAR_WIDTH))
    offset = min(int(bar.left * BAR_WIDTH), BAR_WIDTH - width)
    return (" " * offset + "█" * width).ljust(BAR_WIDTH)


def measured(report: Report) -> Text | str:
    """Return when and on which machine the costs were measured; nothing if they were not."""
    run = report.costs_run
    if not report.costs:
        return ""
    machine = run["machine"]
    cores = NOUNS["cores"].count(machine["cores"])
    return WORDS["measured"].format(date=run["date"][:10], cores=cores, cpu=machine["cpu"])


def create_environment(finalize: Callable[[object], object], *folders: Path) -> jinja2.Environment:
    """Return the environment of some folders' templates; `finalize` converts what they print."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        undefined=jinja2.StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@functools.cache  # Jinja compiles it once.
def report_template(name: str, language: str | None) -> jinja2.Template:
    """Return a template of the report, in one language or, as HTML, in every one."""
    finalize = functools.partial(to_text, language=language) if language else to_html
    environment = create_environment(finalize, TEMPLATES)
    environment.filters.update(
        percent=percent,
        css_percent="{:.4%}".format,
        text_bar=text_bar,
        resources=resources,
        breakable=lambda text: Markup(str(escape(text)).replace(".", ".<wbr>")),
        table_cell=lambda value: str(finalize(value)).replace("|", "\\|"),
    )
    return environment.get_template(name)


def render(report: Report, template: jinja2.Template) -> str:
    """Fill in a template of the report."""
    return template.render(
        report=report,
        words=WORDS,
        nouns=NOUNS,
        claims=lambda section: evaluate(report, section),
        differences=evaluate_differences(report),
        attributes=evaluate_attributes(report),
        measured=measured(report),
    )


def render_html(report: Report) -> str:
    """Return the report as an HTML page, in every language."""
    return render(report, report_template("report.html.j2", None))


def render_markdown(report: Report, language: str) -> str:
    """Return the report as Markdown, in one of LANGUAGES."""
    return render(report, report_template("report.md.j2", language))
