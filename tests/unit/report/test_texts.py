"""Every text exists in every language, and is used."""

import re
from pathlib import Path

import pytest

import report
from report.render import measured
from report.texts import (
    ATTRIBUTE_TEXTS,
    CLAIM_TEXTS,
    DIFFERENCE_TEXTS,
    IN_MODES,
    MODE_NAMES,
    NOUNS,
    WORDS,
    Text,
)
from tests.support.report_data import MadeUpLab
from tests.support.texts import assert_languages_agree

TEXTS = {
    **WORDS,
    **MODE_NAMES,
    **{f"in {key}": text for key, text in IN_MODES.items()},
    **CLAIM_TEXTS,
    **ATTRIBUTE_TEXTS,
    **{f"{key}, name": texts.name for key, texts in DIFFERENCE_TEXTS.items()},
    **{f"{key}, why": texts.why for key, texts in DIFFERENCE_TEXTS.items()},
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_both_languages_have_the_same_values_and_code(text):
    assert_languages_agree(text)


def test_every_word_and_noun_is_used():
    folder = Path(report.__file__).parent
    files = [*folder.glob("*.py"), *folder.glob("templates/*.j2")]
    source = "\n".join(file.read_text(encoding="utf-8") for file in files)
    for section, keys in ("words", WORDS), ("nouns", NOUNS):
        for key in keys:
            # In a template, in Python, or as the caption of a value.
            uses = rf"\b{section}\.{key}\b", rf'{section.upper()}\["{key}"\]'
            captions = rf'\("{key}",', rf'", "{key}", [a-zA-Z]'
            assert re.search("|".join(uses + captions), source), key
    assert list(MODE_NAMES) == list(IN_MODES) == [mode.key for mode in MadeUpLab().modes]


@pytest.mark.parametrize(
    ("amount", "english", "russian"),
    [
        (0, "0 spans", "0 спанов"),
        (1, "1 span", "1 спан"),
        (3, "3 spans", "3 спана"),
        (5, "5 spans", "5 спанов"),
        (11, "11 spans", "11 спанов"),
        (12, "12 spans", "12 спанов"),
        (21, "21 spans", "21 спан"),
        (65, "65 spans", "65 спанов"),
        (112, "112 spans", "112 спанов"),
        (Text("2.86", "2,86"), "2.86 spans", "2,86 спана"),
    ],
)
def test_a_noun_agrees_with_its_number(amount, english, russian):
    text = NOUNS["spans"].count(amount)
    for language, expected in ("en", english), ("ru", russian):
        assert text.in_language(language) == expected.replace(" ", "\N{NO-BREAK SPACE}")


def test_a_number_of_cores_follows_its_preposition():
    machine = {"cpu": "Example", "cores": 4}
    lab = MadeUpLab()
    lab.costs["machine"] = machine
    for language, expected in ("en", "on 4_cores of"), ("ru", "на 4_ядрах процессора"):
        text = measured(lab.report()).in_language(language).replace("\N{NO-BREAK SPACE}", "_")
        assert f"{expected} Example" in text
