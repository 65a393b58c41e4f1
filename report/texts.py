"""The texts of the report in each language, as texts.yml has them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

LANGUAGES = ("en", "ru")


@dataclass(frozen=True)
class Text:
    """A text in each language; `values`, which may be texts too, fill its {placeholders}."""

    en: str
    ru: str
    values: Mapping[str, object] = field(default_factory=dict)

    def format(self, **values: object) -> "Text":
        return replace(self, values=values)

    def in_language(self, language: str, markup: Callable[[str], str] = str) -> str:
        """Return the text in one of LANGUAGES; `markup` converts it before values are filled in."""
        values = {
            name: value.in_language(language, markup) if isinstance(value, Text) else value
            for name, value in self.values.items()
        }
        return markup(getattr(self, language)).format(**values)


@dataclass(frozen=True)
class Noun:
    """The forms of a noun after a number, in the order of CLDR's plural categories."""

    en: list[str]  # one, other
    ru: list[str]  # one, few, many

    def after(self, amount: int | Text) -> Text:
        """Return the form that follows a number, which may be a decimal fraction."""
        digits = amount.en if isinstance(amount, Text) else str(amount)
        english = self.en[digits != "1"]
        if not digits.isdecimal():
            return Text(english, self.ru[1])
        last, last_two = int(digits[-1]), int(digits[-2:])
        if last == 1 and last_two != 11:
            return Text(english, self.ru[0])
        few = 2 <= last <= 4 and not 12 <= last_two <= 14
        return Text(english, self.ru[1 if few else 2])

    def count(self, amount: int | Text) -> Text:
        """Return the number and the noun, which no line break parts."""
        text = "{amount}\N{NO-BREAK SPACE}{noun}"
        return Text(text, text, {"amount": amount, "noun": self.after(amount)})


@dataclass(frozen=True)
class DifferenceTexts:
    """What a row of the table of differences is called, and why the modes differ in it."""

    name: Text
    why: Text


_sections = yaml.safe_load(Path(__file__).with_name("texts.yml").read_text(encoding="utf-8"))
WORDS = {key: Text(**text) for key, text in _sections["words"].items()}
NOUNS = {key: Noun(**forms) for key, forms in _sections["nouns"].items()}
MODE_NAMES = {key: Text(**text) for key, text in _sections["modes"].items()}
IN_MODES = {key: Text(**text) for key, text in _sections["in_modes"].items()}
CLAIM_TEXTS = {key: Text(**text) for key, text in _sections["claims"].items()}
DIFFERENCE_TEXTS = {
    key: DifferenceTexts(name=Text(**texts["name"]), why=Text(**texts["why"]))
    for key, texts in _sections["differences"].items()
}
ATTRIBUTE_TEXTS = {key: Text(**text) for key, text in _sections["attributes"].items()}
