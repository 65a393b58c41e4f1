"""The exercises: what each begins with, the requests that its check needs, and what it checks.

To add one, add an entry to EXERCISES, what its checks say to texts.yml, its pages to docs/course,
and its answers to tests/support/course_answers.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from course import checks
from course.checks import Check
from course.texts import get_text
from course.traces import MODES


@dataclass(frozen=True)
class Edit:
    """A change of a file of the app: the text `old`, which is there once, becomes `new`."""

    file: str
    old: str
    new: str

    def apply(self, text: str) -> str:
        """Return the changed text. Raises ValueError if it does not have `old` exactly once."""
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file} does not have {self.old!r} exactly once")
        return text.replace(self.old, self.new)


@dataclass(frozen=True)
class Exercise:
    """An exercise.

    `page` is its file in docs/course, without the ending; `start` changes the app into its starting
    point; `cases` are the requests to send, as the filter exercise_requests names them; `shown`
    names the case and the mode of each trace that the check prints; `reads` is what the check reads
    beside Jaeger, of `journal` and `prometheus`; `module` runs in place of server_automatic, once
    the working copy has it.
    """

    title: str
    page: str
    cases: Sequence[str]
    shown: Sequence[tuple[str, str]]
    checks: Sequence[Check]
    start: Sequence[Edit] = ()
    reads: Sequence[str] = ()
    module: str = ""


MANUAL = "server_manual.py"
PROGRAMMATIC = "server_programmatic.py"
DATABASE = "db.py"

# The solution of the first exercise, from which the second one goes on.
OWN_SPANS = (
    Edit(
        PROGRAMMATIC,
        "app = Flask(__name__)\n",
        'app = Flask(__name__)\ntracer = trace.get_tracer("server_programmatic")\n',
    ),
    Edit(
        PROGRAMMATIC,
        "def some_func_one():\n",
        '@tracer.start_as_current_span("some_func_one")\ndef some_func_one():\n',
    ),
    Edit(
        PROGRAMMATIC,
        "def some_func_two():\n",
        '@tracer.start_as_current_span("some_func_two")\ndef some_func_two():\n',
    ),
)

# A handler that hides the exception from the instrumentation of Flask.
HANDLED_ERROR = (
    Edit(
        PROGRAMMATIC,
        "from sqlalchemy import select\n",
        "from sqlalchemy import select\nfrom sqlalchemy.exc import OperationalError\n",
    ),
    Edit(
        PROGRAMMATIC,
        "def some_func_one():\n",
        "@app.errorhandler(OperationalError)\n"
        "def database_error(error):\n"
        '    return jsonify(error="The cars cannot be read now."), 503\n'
        "\n\n"
        "def some_func_one():\n",
    ),
)

# Without the instrumentation of urllib, a call has neither a span nor a header.
BROKEN_CHAIN = (
    Edit(
        PROGRAMMATIC,
        "from opentelemetry.instrumentation.urllib import URLLibInstrumentor\n",
        "",
    ),
    Edit(PROGRAMMATIC, "URLLibInstrumentor().instrument()\n", ""),
)

# Only create_cars sets the event, and that runs in another process, so every connection waits.
NEVER_SET = (
    Edit(
        DATABASE,
        "from pathlib import Path\n\nfrom sqlalchemy import create_engine, insert, inspect\n",
        "from pathlib import Path\nfrom threading import Event\n\n"
        "from sqlalchemy import create_engine, event, insert, inspect\n",
    ),
    Edit(
        DATABASE,
        "class Base(MappedAsDataclass",
        "# Set once the table is there. What comes before waits for it, but not for ever.\n"
        "cars_created = Event()\n"
        "\n\n"
        '@event.listens_for(engine, "engine_connect")\n'
        "def wait_for_cars(connection):\n"
        f"    cars_created.wait(timeout={checks.FAULT_SECONDS})\n"
        "\n\n"
        "class Base(MappedAsDataclass",
    ),
    Edit(
        DATABASE,
        "        connection.execute(insert(Car), EXAMPLE_CARS)\n",
        "        connection.execute(insert(Car), EXAMPLE_CARS)\n        cars_created.set()\n",
    ),
)

# Nothing puts the ids into the log lines any more.
NO_IDS = (
    Edit(
        MANUAL,
        '''def log_record(*arguments):
    """Create a log record with the ids of the current trace and span."""
    record = logging.LogRecord(*arguments)
    span = trace.get_current_span()
    # Flask logs an exception only after the request's span has ended.
    if not span.is_recording() and g:
        span = g.get("request_span", span)
    record.trace_id = trace.format_trace_id(span.get_span_context().trace_id)
    record.span_id = trace.format_span_id(span.get_span_context().span_id)
    return record


logging.setLogRecordFactory(log_record)
''',
        "",
    ),
    Edit(
        MANUAL,
        "%(levelname)s [trace_id=%(trace_id)s span_id=%(span_id)s] %(message)s",
        "%(levelname)s %(message)s",
    ),
)

EXERCISES = {
    1: Exercise(
        title="Your own spans",
        page="1-your-own-spans",
        cases=["cars"],
        shown=[("cars", "programmatic")],
        checks=[
            checks.answers("cars", "programmatic", 200),
            checks.has_library_spans("cars", "programmatic"),
            checks.has_span("some_func_one"),
            checks.is_child("some_func_one", of="GET /cars"),
            checks.lasts("some_func_one", sleeps=2),
            checks.has_span("some_func_two"),
            checks.is_child("some_func_two", of="some_func_one"),
            checks.lasts("some_func_two", sleeps=1),
        ],
    ),
    2: Exercise(
        title="An attribute and an event",
        page="2-attribute-and-event",
        start=OWN_SPANS,
        cases=["cars"],
        shown=[("cars", "programmatic")],
        checks=[
            checks.answers("cars", "programmatic", 200),
            checks.has_span("some_func_one"),
            checks.has_span("some_func_two"),
            checks.has_attribute("some_func_two", "sleep.seconds", lambda lab: lab.sleep_seconds),
            checks.has_event("some_func_one", "sleep.over"),
            checks.is_between("some_func_one", "sleep.over", "some_func_two"),
        ],
    ),
    3: Exercise(
        title="A failing query",
        page="3-failing-query",
        start=HANDLED_ERROR,
        cases=["cars", "database_error"],
        shown=[
            ("database_error", "manual"),
            ("database_error", "programmatic"),
            ("database_error", "automatic"),
        ],
        checks=[
            checks.answers("cars", "programmatic", 200),
            checks.has_no_error("cars", "programmatic"),
            checks.answers(
                "database_error",
                "programmatic",
                503,
                other={500: get_text("answers.handler")},
            ),
            checks.is_error("database_error", "programmatic"),
            checks.records_exception("database_error", "programmatic"),
        ],
    ),
    4: Exercise(
        title="One trace across services",
        page="4-across-services",
        start=BROKEN_CHAIN,
        cases=["chain"],
        shown=[("chain", "manual")],
        checks=[
            checks.answers("chain", "manual", 200),
            checks.is_one_trace(),
            checks.is_called_by("programmatic", caller="manual"),
            checks.is_called_by("automatic", caller="programmatic"),
        ],
    ),
    5: Exercise(
        title="Baggage",
        page="5-baggage",
        cases=["chain", "baggage"],
        shown=[("chain", "manual"), ("baggage", "automatic")],
        checks=[
            checks.answers("chain", "manual", 200),
            checks.is_one_trace(),
            checks.reads_baggage("client.name"),
            checks.carries_baggage("client.name"),
        ],
    ),
    6: Exercise(
        title="One request in ten",
        page="6-one-in-ten",
        cases=["sampled", "unsampled", "new"],
        shown=[("sampled", "manual")],
        checks=[
            checks.all_answer(),
            checks.samples_a_tenth(),
            checks.is_whole_or_absent(),
            checks.follows_sampled(),
            checks.follows_unsampled(),
        ],
    ),
    7: Exercise(
        title="Stable names",
        page="7-stable-names",
        cases=["cars"],
        shown=[("cars", "programmatic")],
        checks=[
            checks.answers("cars", "programmatic", 200),
            checks.has_library_spans("cars", "programmatic"),
            checks.has_stable_names(),
            checks.has_no_old_names(),
        ],
    ),
    8: Exercise(
        title="The slow part",
        page="8-the-slow-part",
        start=NEVER_SET,
        cases=["cars"],
        shown=[("cars", mode) for mode in MODES],
        checks=[
            *(checks.answers("cars", mode, 200) for mode in MODES),
            checks.has_library_spans("cars", "programmatic"),
            checks.functions_sleep(),
            checks.nothing_is_hidden(),
            checks.nothing_else_takes_time(),
        ],
    ),
    9: Exercise(
        title="Your own metric",
        page="9-your-own-metric",
        start=OWN_SPANS,
        cases=["cars"],
        shown=[("cars", "programmatic")],
        reads=["prometheus"],
        checks=[
            checks.answers("cars", "programmatic", 200),
            checks.has_span(checks.TIMED),
            checks.has_histogram(),
            checks.has_exemplar(),
            checks.has_seconds(),
            checks.has_buckets(),
        ],
    ),
    10: Exercise(
        title="From a log line to its trace",
        page="10-log-lines",
        start=NO_IDS,
        cases=["cars"],
        shown=[("cars", "manual")],
        reads=["journal"],
        checks=[
            checks.answers("cars", "manual", 200),
            checks.leads_to("server_request", line="Found"),
            checks.leads_to("some_func_two", line="Sleeping"),
        ],
    ),
    11: Exercise(
        title="A fourth mode",
        page="11-a-fourth-mode",
        cases=["cars"],
        shown=[("cars", "automatic")],
        module=checks.FOURTH,
        checks=[
            checks.answers("cars", "automatic", 200),
            checks.is_fourth_service(),
            checks.has_one_server_span(),
            checks.has_query(),
            checks.has_span("some_func_one", "automatic"),
            checks.is_child("some_func_one", of="GET /cars", mode="automatic"),
            checks.has_span("some_func_two", "automatic"),
            checks.is_child("some_func_two", of="some_func_one", mode="automatic"),
        ],
    ),
}
