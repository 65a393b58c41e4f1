"""The modules of the app, and what telemetry adds to them."""

import ast
import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer


@dataclass(frozen=True)
class Line:
    """A line of a module, highlighted as HTML with Pygments' classes."""

    number: int
    text: str
    html: Markup
    sign: Literal["+", "-", " "] = " "


@dataclass(frozen=True)
class Diff:
    """The difference between two modules; `added` and `removed` count lines of code."""

    added: int
    removed: int
    hunks: list[list[Line]]


def docstring_end(module: str) -> int:
    """Return the number of the line on which a module's docstring ends; 0 if it has none."""
    tree = ast.parse(module)
    return (tree.body[0].end_lineno or 0) if ast.get_docstring(tree) is not None else 0


def without_docstring(module: str) -> str:
    return "\n".join(module.splitlines()[docstring_end(module) :])


def only_sleep(module: str, names: Sequence[str]) -> bool:
    """Return whether a module's functions of these names call nothing but sleep and each other."""
    tree = ast.parse(module)
    functions = [f for f in tree.body if isinstance(f, ast.FunctionDef) and f.name in names]
    statements = [statement for function in functions for statement in function.body]
    calls = {
        ast.unparse(statement.value.func)
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
        else ""
        for statement in statements
    }
    return {f.name for f in functions} == set(names) and "sleep" in calls <= {"sleep", *names}


def code_lines(module: str) -> list[Line]:
    """Return the lines of a module after its docstring."""
    html = highlight(module, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True)).splitlines()
    lines = zip(module.splitlines(), html, strict=True)
    numbered = [Line(i, text, Markup(html)) for i, (text, html) in enumerate(lines, 1)]
    return numbered[docstring_end(module) :]


def is_comment(line: Line) -> bool:
    return line.text.strip().startswith("#")


def compare(baseline: str, module: str) -> Diff:
    """Return what a module has in place of another one's lines.

    Docstrings and indentation are ignored; blank lines and comments are not counted.
    """
    before, after = code_lines(baseline), code_lines(module)
    texts = [line.text.strip() for line in before], [line.text.strip() for line in after]
    hunks = []
    for group in difflib.SequenceMatcher(None, *texts, autojunk=False).get_grouped_opcodes(1):
        hunk: list[Line] = []
        for tag, a, b, c, d in group:
            if tag == "equal":
                hunk += after[c:d]
            else:
                hunk += [Line(x.number, x.text, x.html, "-") for x in before[a:b]]
                hunk += [Line(x.number, x.text, x.html, "+") for x in after[c:d]]
        hunks.append(hunk)
    signs = [
        line.sign for hunk in hunks for line in hunk if line.text.strip() and not is_comment(line)
    ]
    return Diff(signs.count("+"), signs.count("-"), hunks)
