"""Numbers, durations and lists of names as each language writes them."""

from collections.abc import Sequence

from report.texts import WORDS, Text


def decimal(digits: str) -> Text:
    """Return a number with the decimal separator of each language."""
    return Text(digits, digits.replace(".", ","))


def number(value: float) -> Text:
    """Return a number with three digits, or all digits of its integer part if it has more."""
    return decimal(f"{value:.{max(0, 3 - len(str(int(value))))}f}")


def duration(microseconds: float, format_spec: str = "#.4g") -> Text:
    """Return a duration in seconds, milliseconds or, without a fraction, microseconds."""
    units = ("seconds", 1e6), ("milliseconds", 1e3)
    unit, size = next((unit for unit in units if microseconds >= unit[1]), ("microseconds", 1))
    value = format(microseconds / size, format_spec if size > 1 else ".0f").rstrip(".")
    text = "{value}\N{NO-BREAK SPACE}{unit}"
    return Text(text, text, {"value": decimal(value), "unit": WORDS[unit]})


def percent(share: float) -> Text:
    """Return a share (0 to 1) in percent; only the whole is 100%, whatever rounding would say."""
    value = number(min(share * 100, 99.9) if share < 1 else 100)
    return Text("{value}%", "{value}\N{NO-BREAK SPACE}%", {"value": value})


def text_list(texts: Sequence[Text | str]) -> Text:
    """Return one or more texts as a list, the last one after "and"."""
    *others, last = [f"{{text_{i}}}" for i in range(len(texts))]
    english, russian = (
        f"{', '.join(others)} {conjunction} {last}" if others else last
        for conjunction in ("and", "и")
    )
    return Text(english, russian, {f"text_{i}": text for i, text in enumerate(texts)})


def code_list(names: Sequence[str]) -> Text:
    """Return one or more names as a list of code."""
    return text_list([Text("`{name}`", "`{name}`", {"name": name}) for name in names])
