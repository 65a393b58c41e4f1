"""What must be true of every text that exists in several languages."""

import re

from report.texts import Text


def placeholders(text: str) -> list[str]:
    """Return the names of the values in a text, sorted."""
    return sorted(re.findall(r"\{(\w+)\}", text))


def assert_languages_agree(text: Text) -> None:
    """Check that a text has the same values and code in both languages."""
    assert placeholders(text.en) == placeholders(text.ru)
    for pattern in r"`[^`]+`", r"\*\*":
        assert sorted(re.findall(pattern, text.en)) == sorted(re.findall(pattern, text.ru))
    assert text.en.strip()
    assert text.ru.strip()
    assert re.search(r"[\u0400-\u04ff]", text.ru) or text.ru == text.en
