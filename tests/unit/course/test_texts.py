"""Every text of the course exists in every language, and is used with its values."""

import ast
import re
from pathlib import Path

import pytest

import course
from course.texts import TEXTS, WORDS, get_text, join_lines
from report.formatting import text_list
from report.texts import LANGUAGES
from tests.support.commands import assert_same
from tests.support.texts import assert_languages_agree, placeholders

# What a Russian text names beside the code of the English one: its language, and its page's file.
OF_RUSSIAN = {"COURSE_LANGUAGE", "ru", "ru.md"}


def latin_words(text):
    """Return the words of a text in Latin letters, without its values."""
    return set(re.findall(r"[A-Za-z][\w.]*\w|[A-Za-z]", re.sub(r"\{\w+\}", " ", text)))


def is_code(word):
    """Return whether a word is not one of the language, but of code, such as db.py or get_meter."""
    return bool(re.search(r"[a-z0-9][A-Z]|\w[_.]\w|[A-Z]{2}", word))


@pytest.mark.parametrize("text", [*TEXTS.values(), *WORDS.values()], ids=[*TEXTS, *WORDS])
def test_both_languages_have_the_same_values_and_code(text):
    assert_languages_agree(text)
    english, russian = latin_words(text.en), latin_words(text.ru)
    assert_same({word for word in english if is_code(word)} - russian, set(), "code")
    lowered = {word.lower() for word in english}
    assert {word for word in russian - OF_RUSSIAN if word.lower() not in lowered} == set()


def test_a_command_in_a_russian_text_answers_in_russian():
    for key, text in TEXTS.items():
        commands = text.ru.count("{command}")
        assert text.ru.count("{command} COURSE_LANGUAGE=ru") == commands, key


def calls_of_get_text():
    """Yield the calls of get_text in the course's modules."""
    for file in Path(course.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "get_text":
                yield node


def test_every_text_exists_and_is_used():
    assert_same({ast.literal_eval(call.args[0]) for call in calls_of_get_text()}, TEXTS, "texts")


def test_every_text_is_given_its_values():
    for call in calls_of_get_text():
        key = ast.literal_eval(call.args[0])
        given = {keyword.arg for keyword in call.keywords}
        assert given == set(placeholders(TEXTS[key].en)), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_of_the_learner_are_kept_as_they_are(language):
    names = text_list(["GET /{id}", "{0}"])
    text = join_lines([get_text("has_no_error.fault", spans=names)] * 2)
    assert text.in_language(language).count("GET /{id}") == 2
