"""Writes the report: one self-contained HTML page and, beside it, the same as Markdown.

    python -m report report.html en < data.json

The page is in every language, the Markdown in the one that is given. The input is described in
`Report.from_json`; playbooks/report.yml collects it.
"""

import argparse
import json
import sys
from pathlib import Path

from report.model import Report
from report.render import render_html, render_markdown
from report.texts import LANGUAGES


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m report", description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="the page; the Markdown has the same name with .md")
    parser.add_argument("language", choices=LANGUAGES, help="language of the Markdown")
    arguments = parser.parse_args()
    try:
        report = Report.from_json(json.load(sys.stdin))
    except KeyError as error:
        sys.exit(f"The input has no key {error}. No report was written.")
    except ValueError as error:
        sys.exit(f"The input is invalid: {error}. No report was written.")
    arguments.file.write_text(render_html(report), encoding="utf-8")
    markdown = render_markdown(report, arguments.language)
    arguments.file.with_suffix(".md").write_text(markdown, encoding="utf-8")


if __name__ == "__main__":
    main()
