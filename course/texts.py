"""The texts of the course in each language, as texts.yml has them."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from report.texts import Text

_sections = yaml.safe_load(Path(__file__).with_name("texts.yml").read_text(encoding="utf-8"))
WORDS = {key: Text(**text) for key, text in _sections.pop("page").items()}
TEXTS = {
    f"{section}.{key}": Text(**text)
    for section, texts in _sections.items()
    for key, text in texts.items()
}


def get_text(key: str, /, **values: object) -> Text:
    """Return the text `section.key` of texts.yml, with its values."""
    return TEXTS[key].format(**values)


def join_lines(texts: Sequence[Text]) -> Text:
    """Return texts as the lines of one text."""
    values = {f"line_{i}": text for i, text in enumerate(texts)}
    lines = "\n".join(f"{{{name}}}" for name in values)
    return Text(lines, lines, values)
