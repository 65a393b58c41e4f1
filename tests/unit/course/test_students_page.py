"""The page of a class: each host's addresses and exercises, in every language."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from course.exercises import EXERCISES
from course.students_page import WORDS, exercise_state, render_page, write_page
from report.texts import LANGUAGES
from tests.support.page_words import PageWords

WRITTEN = datetime(2026, 11, 30, 9, 30).astimezone()


def words_of(classroom, language):
    return PageWords(render_page(classroom, WRITTEN, "root@<server>"), language)


def test_it_is_self_contained_and_links_each_hosts_pages(classroom, add_student):
    student = add_student(3)
    page = words_of(classroom, "en")
    assert page.addresses == ["#student-3", *student.urls().values()]
    text = render_page(classroom, WRITTEN, "root@<server>")
    assert not re.search(r"url\(|@import|<(link|iframe|img)\b", text)


def test_it_has_the_commands_that_reach_a_host(classroom, add_student):
    add_student(3)
    text = words_of(classroom, "en").text
    assert f"ssh -F {classroom.folder}/ssh_config student-3" in text
    forwards = "-L 16686:10.0.0.3:16686 -L 8082:10.0.0.3:8082 -L 9090:10.0.0.3:9090"
    assert f"ssh {forwards} root@<server>" in text


@pytest.fixture
def student(add_student):
    """A student who did the first exercise, a part of the second one, and has begun the third."""
    student = add_student(1)
    student.record(1, 8, 8)
    student.record(2, 5, 6)
    student.copy.folder.mkdir()
    student.copy.number_file.write_text("3\n")
    return student


def test_each_exercise_has_its_state(classroom, student):
    states = [exercise_state(student, number)[0] for number in EXERCISES]
    assert states == ["done", "partial", "begun", *["open"] * (len(EXERCISES) - 3)]
    assert "5 of 6, 2" in words_of(classroom, "en").text
    assert "5 из 6, 2" in words_of(classroom, "ru").text


@pytest.mark.parametrize("language", LANGUAGES)
def test_its_words_are_of_one_language(classroom, add_student, language):
    add_student(1)
    text = words_of(classroom, language).text
    is_russian = language == "ru"
    assert (WORDS["open"].ru in text) == is_russian
    assert (WORDS["open"].en in text) != is_russian
    for exercise in EXERCISES.values():
        assert (exercise.title in text) != is_russian
    assert ("Свои спаны" in text) == is_russian


@pytest.mark.usefixtures("student")
def test_every_word_is_used_and_in_both_languages(classroom):
    page = render_page(classroom, WRITTEN, "root@<server>").replace("&#39;", "'")
    for name, word in WORDS.items():
        for text in word.en, word.ru:
            start = re.split("[{`]", text)[0]
            assert start in page, name
        assert word.en != word.ru, name


def test_a_host_that_is_not_complete_is_left_out(classroom, add_student):
    add_student(1)
    add_student(2).inventory.unlink()
    text = words_of(classroom, "en").text
    assert "student-1" in text
    assert "student-2" not in text


def test_checks_at_the_same_time_leave_a_whole_page_with_all_results(classroom, add_student):
    students = [add_student(number) for number in range(1, 9)]

    def record_and_write(student):
        student.record(1, 8, 8)
        write_page(classroom)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(record_and_write, students))
    text = PageWords(classroom.page.read_text(), "en").text
    assert text.count("done, ") == len(students)


def test_the_servers_address_is_that_of_the_ssh_session(classroom, add_student, monkeypatch):
    add_student(1)
    monkeypatch.setenv("SSH_CONNECTION", "192.168.1.5 50000 192.168.1.2 22")
    write_page(classroom)
    assert "@192.168.1.2" in classroom.page.read_text()
    monkeypatch.delenv("SSH_CONNECTION")
    write_page(classroom)
    assert "@&lt;server&gt;" in classroom.page.read_text()
