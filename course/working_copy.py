"""The working copy of the app, which an exercise changes instead of the lab's own code."""

import ast
import hashlib
import shutil
from pathlib import Path

import yaml

from course import REPOSITORY
from course.exercises import EXERCISES
from course.texts import get_text
from report.formatting import text_list
from report.texts import Text

FOLDER = ".exercise"
CLASS_FOLDER = ".students"


class Refused(Exception):
    """Something must be done first; `text` says what, and what was left unchanged."""

    def __init__(self, text: Text | str):
        super().__init__(text.in_language("en") if isinstance(text, Text) else text)
        self.text = text

    def in_language(self, language: str) -> str:
        """Return the text in a language, if it is in several."""
        return self.text.in_language(language) if isinstance(self.text, Text) else self.text


class WorkingCopy:
    """A folder of a clone with the app and the number of the exercise: .exercise, or a student's.

    `student` is the student's number in a class, 0 if there is none.
    """

    def __init__(self, clone: Path = REPOSITORY, student: int = 0):
        self.student = student
        self.name = f"{FOLDER}-student-{student}" if student else FOLDER
        self.source = clone / "app"
        self.folder = clone / self.name
        self.app = self.folder / "app"
        self.sent_file = self.folder / "sent.json"
        self.number_file = self.folder / "number"
        lab = f"{CLASS_FOLDER}/student-{student}" if student else ".lab"
        self.inventory = clone / lab / "inventory.yml"

    def lab_has(self, group: str) -> bool:
        """Return whether the lab has hosts in an inventory group."""
        return group in (yaml.safe_load(self.inventory.read_text(encoding="utf-8")) or {})

    def command(self, target: str, number: int) -> str:
        """Return the make command of an exercise on the host that this copy is deployed to."""
        student = f" STUDENT={self.student}" if self.student else ""
        return f"make {target} EXERCISE={number}{student}"

    def number(self) -> int | None:
        """Return the number of the exercise that was begun; None if none was."""
        try:
            text = self.number_file.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        return int(text) if text.isdecimal() else None

    def belongs_to(self, number: int) -> bool:
        """Return whether there is a working copy of this exercise. Raises Refused if of another."""
        if not self.folder.exists():
            return False
        other = self.number()
        if other == number:
            return True
        work = (
            get_text("refused.other_exercise", number=other)
            if other
            else get_text("refused.other_content")
        )
        raise Refused(
            get_text(
                "refused.other_work",
                copy=self.name,
                work=work,
                suffix=other or "old",
                command=self.command("exercise", number),
            )
        )

    def create(self, number: int) -> None:
        """Create the working copy at the starting point of an exercise; it must not exist."""
        # A run that is killed leaves no half of it.
        partial = self.folder.with_name(f"{self.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        ignored = shutil.ignore_patterns("*.db", "__pycache__")
        shutil.copytree(self.source, partial / "app", ignore=ignored)
        for edit in EXERCISES[number].start:
            file = partial / "app" / edit.file
            file.write_text(edit.apply(file.read_text(encoding="utf-8")), encoding="utf-8")
        (partial / "number").write_text(f"{number}\n", encoding="utf-8")
        partial.rename(self.folder)

    def modules(self) -> dict[str, bytes]:
        """Return the content of each module, by its name."""
        return {path.name: path.read_bytes() for path in sorted(self.app.glob("*.py"))}

    def check_files(self) -> None:
        """Check that the modules are there and can be parsed. Raises Refused."""
        modules = self.modules()
        files = {
            path.name for path in [*self.source.glob("*.py"), self.source / "requirements.txt"]
        }
        if missing := sorted(name for name in files if not (self.app / name).exists()):
            raise Refused(
                get_text("refused.missing_files", copy=self.name, files=text_list(missing))
            )
        for name, module in modules.items():
            try:
                ast.parse(module)
            except (SyntaxError, ValueError) as error:
                line = getattr(error, "lineno", None)
                where: Text | str = f"{self.name}/app/{name}"
                if line:
                    where = get_text("refused.line", file=where, line=line)
                text = (getattr(error, "text", None) or "").rstrip()
                message = error.msg if isinstance(error, SyntaxError) else str(error)
                fault = f"{message}\n  {text}" if text else message
                raise Refused(get_text("refused.syntax", where=where, fault=fault)) from error

    def differing(self, checksums: list[str]) -> list[str]:
        """Return the modules that the host does not have as they are here.

        `checksums` are the lines of sha256sum there.
        """
        running = {name: digest for digest, _, name in (c.partition("  ") for c in checksums)}
        return [
            name
            for name, module in self.modules().items()
            if running.get(name) != hashlib.sha256(module).hexdigest()
        ]
