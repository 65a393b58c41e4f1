"""The hosts of a class, one for each student, and what is known of the exercises there."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from course import REPOSITORY
from course.working_copy import CLASS_FOLDER, Refused, WorkingCopy

# More make it likelier than 1 in 400 that two hosts get the same network.
MAX_STUDENTS = 50
GROUPS = ["jaeger", "car_app", "otel_collector", "prometheus"]
# What a student's host needs, and what Ansible needs besides: docs/course/trainers.md has the
# measured values, to which some reserve is added here.
MEMORY = 600  # MiB
MEMORY_OF_ANSIBLE = 500  # MiB
DISK = 1300  # MiB
SECONDS = 35
SECONDS_BEFORE = 30


@dataclass(frozen=True)
class Result:
    """How many things of an exercise were right, of how many, and when (ISO 8601)."""

    right: int
    count: int
    time: str

    @property
    def is_done(self) -> bool:
        return self.right == self.count


class Student:
    """A student's host in the folder of the class, and the student's working copy."""

    def __init__(self, clone: Path, number: int):
        self.number = number
        self.name = f"student-{number}"
        self.copy = WorkingCopy(clone, number)
        self.inventory = self.copy.inventory
        self.folder = self.inventory.parent
        self.results_file = self.folder / "results.json"

    def results(self) -> dict[int, Result]:
        """Return the last result of each exercise that was checked on this host."""
        try:
            results = json.loads(self.results_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return {int(number): Result(**result) for number, result in results.items()}

    def record(self, number: int, right: int, count: int) -> None:
        """Record the result of a check."""
        result = Result(right, count, datetime.now().astimezone().isoformat())
        results = {n: asdict(r) for n, r in (self.results() | {number: result}).items()}
        # A run that is killed leaves no half of it.
        partial = self.results_file.with_suffix(".partial")
        partial.write_text(json.dumps(results), encoding="utf-8")
        partial.replace(self.results_file)

    def urls(self) -> dict[str, str]:
        """Return the address of each service by its name, as the inventory has it.

        Without those that only the host itself reaches. Raises OSError if there is no inventory.
        """
        everything = yaml.safe_load(self.inventory.read_text(encoding="utf-8"))["all"]
        address = everything["hosts"][self.name]["ansible_host"]
        pages = {
            "Jaeger": ("jaeger_query_http_server_host_port", "/"),
            "car-manual": ("car_app_manual_bind", "/cars"),
            "car-programmatic": ("car_app_programmatic_bind", "/cars"),
            "car-automatic": ("car_app_automatic_bind", "/cars"),
            "Prometheus": ("prometheus_host_port", "/"),
        }
        return {
            name: f"http://{address}:{everything['vars'][setting].rpartition(':')[2]}{page}"
            for name, (setting, page) in pages.items()
            if setting in everything["vars"]
        }

    def set_aside(self) -> Path | None:
        """Move the working copy away; return where it is now, None if there was none."""
        if not self.copy.folder.exists():
            return None
        aside = self.copy.folder.with_name(f"{self.copy.name}-{datetime.now():%Y-%m-%d-%H-%M-%S}")
        self.copy.folder.rename(aside)
        return aside


class Classroom:
    """The hosts of a class in the folder .students of a clone."""

    def __init__(self, clone: Path = REPOSITORY):
        self.clone = clone
        self.folder = clone / CLASS_FOLDER
        self.page = clone / "students.html"

    def student(self, number: int) -> Student:
        return Student(self.clone, number)

    def students(self) -> list[Student]:
        """Return the students whose hosts were created, also in part."""
        names = [path.name for path in self.folder.glob("student-*")]
        return [self.student(number) for number in sorted(int(name[8:]) for name in names)]

    def fresh(self) -> list[Path]:
        """Return the inventories of the hosts on which no exercise was begun."""
        return [
            student.inventory for student in self.students() if not student.copy.folder.exists()
        ]

    def last(self) -> int:
        """Return the number of the last student, 0 if there is none."""
        return max((student.number for student in self.students()), default=0)

    def check(self) -> Iterator[tuple[str, bool]]:
        """Check every student's exercise; yield a line for each, and whether it could be checked.

        As many at a time as this machine has processors.
        """
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            yield from pool.map(check, self.students())


def check(student: Student) -> tuple[str, bool]:
    """Check a student's exercise; return a line about it, and whether it could be checked."""
    number = student.copy.number()
    if number is None:
        return f"{student.name}: no exercise was begun", True
    before = student.results().get(number)
    ran = subprocess.run(
        [
            "make",
            "--no-print-directory",
            "check",
            f"EXERCISE={number}",
            f"STUDENT={student.number}",
        ],
        cwd=student.copy.source.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    result = student.results().get(number)
    if result is None or result == before:
        return f"{student.name}: exercise {number} was not checked. {ran.stdout.strip()}", False
    state = "done" if result.is_done else f"{result.right} of {result.count} are right"
    return f"{student.name}: exercise {number}: {state}", True


def available_memory() -> int:
    """Return how much memory programs can have, in MiB."""
    text = Path("/proc/meminfo").read_text(encoding="utf-8")
    found = re.search(r"^MemAvailable: +(\d+) kB$", text, re.MULTILINE)
    assert found, text
    return int(found[1]) // 1024


def available_disk(classroom: Classroom) -> int:
    """Return how much space the disk of the hosts has, in MiB."""
    return shutil.disk_usage(classroom.clone).free // 2**20


def student_count(text: str, classroom: Classroom) -> int:
    """Return the number of students. Raises Refused."""
    if not re.fullmatch("[1-9][0-9]?", text) or int(text) > MAX_STUDENTS:
        raise Refused(
            f"STUDENTS is {text}, but must be a number from 1 to {MAX_STUDENTS}. Nothing was "
            "changed. Run, for example: make lab STUDENTS=8"
        )
    last = classroom.last()
    if int(text) < last:
        raise Refused(
            f"STUDENTS is {text}, but there are already the hosts of {last} students. Nothing was "
            f"changed. To repair them, run make lab STUDENTS={last}; to have fewer, run "
            "make destroy first, which removes all of them."
        )
    return int(text)


def refuse_backends(backends: str) -> None:
    """Refuse other systems than those that each student's host has. Raises Refused."""
    if set(backends.split()) - set(GROUPS):
        raise Refused(
            f"BACKENDS is {backends}, but the hosts of students have only the collector and "
            "Prometheus beside Jaeger. Nothing was changed. Leave BACKENDS out."
        )


def plan(count: int, classroom: Classroom, memory: int, disk: int) -> str:
    """Return what the hosts that are not there yet need: time, memory and disk space.

    `memory` and `disk` are what there is of them, in MiB. Raises Refused if that is too little.
    """
    present = sum((student.folder / "root").exists() for student in classroom.students())
    new = count - present
    if not new:
        return f"The hosts of {count} students are there already; checking them ..."
    needs = ("memory", MEMORY, MEMORY_OF_ANSIBLE, memory), ("disk space", DISK, 0, disk)
    for name, each, besides, available in needs:
        if new * each + besides > available:
            fitting = present + max(0, (available - besides) // each)
            raise Refused(
                f"STUDENTS is {count}, but that needs {new * each + besides} MiB of {name}, {each} "
                f"for each new host, and {available} are available. Nothing was changed. "
                + (f"Run make lab STUDENTS={fitting}." if fitting else "Take a larger machine.")
            )
    minutes = -(-(SECONDS_BEFORE + new * SECONDS) // 60)
    return (
        f"Creating {new} {'host' if new == 1 else 'hosts'}: about {minutes} minutes on two "
        f"processors, more if Jaeger must be built first, with {new * MEMORY} MiB of memory and "
        f"{new * DISK} MiB of disk space; {memory} and {disk} MiB are available ..."
    )


def settings(count: int, classroom: Classroom) -> dict[str, Any]:
    """Return the settings of lab/create.yml and lab/destroy.yml for the hosts of a class."""
    names = [classroom.student(number).name for number in range(1, count + 1)]
    return {
        "lab_hosts": [{"name": name, "suite": "bookworm", "groups": GROUPS} for name in names],
        "lab_directory": str(classroom.folder),
        "lab_inventory_per_host": True,
    }
