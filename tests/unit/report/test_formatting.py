"""Numbers, durations and lists as each language writes them."""

import pytest

from report.formatting import code_list, duration, number, percent, text_list
from report.texts import Text

SPACE = "\N{NO-BREAK SPACE}"


def languages(text):
    return text.in_language("en"), text.in_language("ru")


@pytest.mark.parametrize(
    ("microseconds", "english", "russian"),
    [
        (0, "0 µs", "0 мкс"),
        (310, "310 µs", "310 мкс"),
        (1500, "1.500 ms", "1,500 мс"),
        (999_960, "1000 ms", "1000 мс"),
        (1_003_035, "1.003 s", "1,003 \N{CYRILLIC SMALL LETTER ES}"),
    ],
)
def test_a_duration_has_the_unit_that_suits_it(microseconds, english, russian):
    assert languages(duration(microseconds)) == (
        english.replace(" ", SPACE),
        russian.replace(" ", SPACE),
    )


@pytest.mark.parametrize(
    ("share", "english", "russian"),
    [
        (0, "0.00%", f"0,00{SPACE}%"),
        (0.0005, "0.05%", f"0,05{SPACE}%"),
        (0.5, "50.0%", f"50,0{SPACE}%"),
        (0.9996, "99.9%", f"99,9{SPACE}%"),
        (0.999_999, "99.9%", f"99,9{SPACE}%"),
        (1, "100%", f"100{SPACE}%"),
    ],
)
def test_only_the_whole_is_100_percent(share, english, russian):
    assert languages(percent(share)) == (english, russian)


@pytest.mark.parametrize(
    ("value", "english", "russian"),
    [(2.857, "2.86", "2,86"), (46.66, "46.7", "46,7"), (1195, "1195", "1195")],
)
def test_a_number_has_three_digits(value, english, russian):
    assert languages(number(value)) == (english, russian)


@pytest.mark.parametrize(
    ("names", "english", "russian"),
    [
        (["a"], "`a`", "`a`"),
        (["a", "b"], "`a` and `b`", "`a` и `b`"),
        (["a", "{b}", "c"], "`a`, `{b}` and `c`", "`a`, `{b}` и `c`"),
    ],
)
def test_names_are_listed_as_code(names, english, russian):
    assert languages(code_list(names)) == (english, russian)


def test_texts_are_listed_in_each_language():
    texts = [Text("one", "один"), Text("two", "два")]
    assert languages(text_list(texts)) == ("one and two", "один и два")
