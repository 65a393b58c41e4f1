"""Prepares, checks and shows the hosts of a class, for the Makefile.

python -m course.students plan 8         refuse a wrong number of students, or say what they need
python -m course.students settings 8     print the settings of lab/create.yml, by default of all
python -m course.students fresh          print -i and the inventory of each host without an exercise
python -m course.students check          check the exercise of every student
python -m course.students set-aside 3    move a student's working copy away, by default all of them
python -m course.students page           write the page, and print its address
"""

import argparse
import json
import sys

from course.classroom import (
    Classroom,
    available_disk,
    available_memory,
    plan,
    refuse_backends,
    settings,
    student_count,
)
from course.students_page import write_page
from course.working_copy import Refused


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m course.students", description=__doc__.splitlines()[0]
    )
    actions = ["plan", "settings", "fresh", "check", "set-aside", "page"]
    parser.add_argument("action", choices=actions)
    parser.add_argument("number", nargs="?", default="", help="of students, or of one of them")
    parser.add_argument("backends", nargs="?", default="", help="other systems that are wanted")
    arguments = parser.parse_args()
    classroom = Classroom()
    status = 0
    try:
        if arguments.action == "plan":
            count = student_count(arguments.number, classroom)
            refuse_backends(arguments.backends)
            print(plan(count, classroom, available_memory(), available_disk(classroom)))
        elif arguments.action == "settings":
            print(json.dumps(settings(int(arguments.number or classroom.last()), classroom)))
        elif arguments.action == "fresh":
            print(*(f"-i {path.relative_to(classroom.clone)}" for path in classroom.fresh()))
        elif arguments.action == "set-aside":
            number = arguments.number
            chosen = [classroom.student(int(number))] if number else classroom.students()
            for aside in filter(None, [student.set_aside() for student in chosen]):
                print(f"A working copy was put aside: {aside.name}")
        else:
            if arguments.action == "check":
                for line, is_checked in classroom.check():
                    print(line, flush=True)
                    status |= not is_checked
            write_page(classroom)
            print("The page of the class:", classroom.page.as_uri())
    except Refused as reason:
        print(reason, file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
