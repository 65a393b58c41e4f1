"""Answers to the exercises, right and wrong, as changes of the starting point."""

from dataclasses import dataclass

from course import REPOSITORY
from course.checks import FOURTH
from course.exercises import BROKEN_CHAIN, DATABASE, MANUAL, OWN_SPANS, PROGRAMMATIC, Edit


@dataclass(frozen=True)
class Answer:
    """Changes of the starting point, and a hint that `make check` prints; empty if all is right."""

    name: str
    hint: str
    edits: tuple[Edit, ...] = ()

    def __str__(self) -> str:
        return self.name


AUTOMATIC = "server_automatic.py"


def programmatic(old: str, new: str) -> Edit:
    return Edit(PROGRAMMATIC, old, new)


def manual(old: str, new: str) -> Edit:
    return Edit(MANUAL, old, new)


def automatic(old: str, new: str) -> Edit:
    return Edit(AUTOMATIC, old, new)


TRACER = OWN_SPANS[0]
ONE = "def some_func_one():\n    sleep(SLEEP_SECONDS)\n    some_func_two()\n"
TWO = "def some_func_two():\n    sleep(SLEEP_SECONDS)\n"
CALL_TWO = "    some_func_two()\n"
HANDLER = "def database_error(error):\n"
ASK_NEXT = """
    call = Request(NEXT_URL)
    with urlopen(call, timeout=10) as answer:
        return json.load(answer)
"""
IMPORT_SDK = "from opentelemetry.sdk.resources import"
IMPORT_INJECT = programmatic(
    IMPORT_SDK, f"from opentelemetry.propagate import inject\n{IMPORT_SDK}"
)
IMPORT_URLLIB = programmatic(IMPORT_SDK, BROKEN_CHAIN[0].old + IMPORT_SDK)
INSTRUMENT_SQLALCHEMY = "SQLAlchemyInstrumentor().instrument(engine=engine)\n"

CHAIN = "    services = [app.name]\n"
API = "from opentelemetry import baggage, trace\n"
CALL_NEXT = "            services += ask_next()\n"
IMPORT_BAGGAGE = manual(
    "from opentelemetry import trace\n",
    "from opentelemetry import baggage, trace\nfrom opentelemetry.context import attach, detach\n",
)


def put_baggage(attribute: str) -> tuple[Edit, Edit]:
    """Return the changes of the last service that put the entry on its server span."""
    return (
        automatic("import Flask, jsonify\n", "import Flask, jsonify\n" + API),
        automatic(
            CHAIN,
            f'    span = trace.get_current_span()\n    value = baggage.get_baggage("client.name")\n'
            f'    if value:\n        span.set_attribute("{attribute}", value)\n{CHAIN}',
        ),
    )


SET_BAGGAGE = 'baggage.set_baggage("client.name", request.user_agent.string)'
SEND_BAGGAGE = (
    IMPORT_BAGGAGE,
    manual(
        CALL_NEXT,
        f"            token = attach({SET_BAGGAGE})\n{CALL_NEXT}            detach(token)\n",
    ),
)

IMPORT_EXPORT = "from opentelemetry.sdk.trace.export import BatchSpanProcessor\n"


def sampled_by(file: str, sampler: str) -> tuple[Edit, Edit]:
    """Return the changes that give a module's provider a sampler."""
    return (
        Edit(
            file,
            IMPORT_EXPORT,
            IMPORT_EXPORT + "from opentelemetry.sdk.trace.sampling import "
            "ALWAYS_OFF, ParentBased, TraceIdRatioBased\n",
        ),
        Edit(
            file,
            "TracerProvider(resource=resource)",
            f"TracerProvider({sampler}, resource=resource)",
        ),
    )


def opt_in(value: str) -> str:
    return f'os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "{value}"\n'


LOGGING = "# Adds the ids of the current trace and span to every log line.\n"
HANDLE = '@app.get("/cars")\ndef server_request():\n'
WAIT = "    cars_created.wait(timeout=0.8)\n"
LISTENER = '@event.listens_for(engine, "engine_connect")\ndef wait_for_cars(connection):\n'

SECONDS = ", explicit_bucket_boundaries_advisory=[0.1, 0.25, 0.5, 0.75, 1, 2.5]"
MEASURED_TWO = (
    "def some_func_two():\n"
    "    start = perf_counter()\n"
    "    sleep(SLEEP_SECONDS)\n"
    "    duration.record(perf_counter() - start)\n"
)


def create_metric(kind: str = "histogram", more: str = SECONDS) -> tuple[Edit, ...]:
    """Return the changes that create a metric of the time that some_func_two takes."""
    return (
        programmatic(
            "from opentelemetry import trace\n", "from opentelemetry import metrics, trace\n"
        ),
        programmatic("from time import sleep\n", "from time import perf_counter, sleep\n"),
        programmatic(
            "# How long each of the two functions sleeps.\n",
            'meter = metrics.get_meter("server_programmatic")\n'
            f'duration = meter.create_{kind}("some_func_two.duration", unit="s"{more})\n'
            "# How long each of the two functions sleeps.\n",
        ),
    )


FORMAT = "%(levelname)s %(message)s"
FORMAT_WITH_IDS = "%(levelname)s [trace_id=%(trace_id)s span_id=%(span_id)s] %(message)s"


def log_ids(trace_id: str, span_id: str, level: str = "info") -> tuple[Edit, ...]:
    """Return the changes that put two expressions into each line, and log one in some_func_two."""
    return (
        manual(
            "logging.basicConfig(",
            "def log_record(*arguments):\n"
            "    record = logging.LogRecord(*arguments)\n"
            "    context = trace.get_current_span().get_span_context()\n"
            f"    record.trace_id = {trace_id}\n"
            f"    record.span_id = {span_id}\n"
            "    return record\n"
            "\n\n"
            "logging.setLogRecordFactory(log_record)\n"
            "logging.basicConfig(",
        ),
        manual(FORMAT, FORMAT_WITH_IDS),
        manual(
            TWO,
            "def some_func_two():\n"
            f'    app.logger.{level}("Sleeping for %s s", SLEEP_SECONDS)\n'
            "    sleep(SLEEP_SECONDS)\n",
        ),
    )


FORMAT_IDS = "trace.format_trace_id(context.trace_id)", "trace.format_span_id(context.span_id)"
LOADED = "trace.get_current_span().get_span_context()"


def fourth(module: str, *edits: Edit) -> tuple[Edit]:
    """Return the change that writes the fourth mode's module, from another one of the app."""
    text = (REPOSITORY / "app" / module).read_text(encoding="utf-8")
    for edit in edits:
        text = edit.apply(text)
    return (Edit(f"{FOURTH}.py", "", text),)


ANSWERS = {
    1: [
        Answer("starting point", "nothing begins it yet"),
        Answer(
            "function in a new thread",
            "or it is in another trace: a new thread begins with an empty context",
            (
                *OWN_SPANS,
                programmatic(
                    "from time import sleep\n", "import threading\nfrom time import sleep\n"
                ),
                programmatic(
                    CALL_TWO,
                    "    thread = threading.Thread(target=some_func_two)\n"
                    "    thread.start()\n"
                    "    thread.join()\n",
                ),
            ),
        ),
        Answer(
            "request that fails",
            "Not checked yet: the request was not answered with 200",
            (
                programmatic(
                    CALL_TWO,
                    '    with tracer.start_as_current_span("some_func_one"):\n'
                    "        some_func_two()\n",
                ),
            ),
        ),
        Answer(
            "span that never becomes the current one",
            "It is a sibling of some_func_one",
            (
                TRACER,
                programmatic(
                    ONE,
                    "def some_func_one():\n"
                    '    span = tracer.start_span("some_func_one")\n'
                    "    sleep(SLEEP_SECONDS)\n"
                    "    some_func_two()\n"
                    "    span.end()\n",
                ),
                OWN_SPANS[2],
            ),
        ),
        Answer(
            "span that ends before the function",
            "The span ends before the function does",
            (
                *OWN_SPANS[:2],
                programmatic(
                    TWO,
                    "def some_func_two():\n"
                    '    with tracer.start_as_current_span("some_func_two"):\n'
                    "        pass\n"
                    "    sleep(SLEEP_SECONDS)\n",
                ),
            ),
        ),
        Answer("solution", "", OWN_SPANS),
    ],
    2: [
        Answer(
            "starting point",
            "some_func_two has no such attribute. In the function, trace.get_current_span()",
        ),
        Answer(
            "attribute of the server span",
            "The attribute is on GET /cars",
            (
                programmatic(
                    "    some_func_one()\n",
                    "    some_func_one()\n"
                    '    trace.get_current_span().set_attribute("sleep.seconds", SLEEP_SECONDS)\n',
                ),
            ),
        ),
        Answer(
            "attribute in place of an event",
            "sleep.over is an attribute",
            (
                programmatic(
                    CALL_TWO,
                    '    trace.get_current_span().set_attribute("sleep.over", True)\n' + CALL_TWO,
                ),
            ),
        ),
        Answer(
            "solution",
            "",
            (
                programmatic(
                    CALL_TWO, '    trace.get_current_span().add_event("sleep.over")\n' + CALL_TWO
                ),
                programmatic(
                    TWO,
                    "def some_func_two():\n"
                    '    trace.get_current_span().set_attribute("sleep.seconds", SLEEP_SECONDS)\n'
                    "    sleep(SLEEP_SECONDS)\n",
                ),
            ),
        ),
    ],
    3: [
        Answer("starting point", "The traces of the other two modes have one"),
        Answer(
            "attributes in place of an event",
            "The exception is an attribute",
            (
                programmatic(
                    HANDLER,
                    HANDLER + "    span = trace.get_current_span()\n"
                    '    span.set_attribute("exception.type", type(error).__name__)\n',
                ),
            ),
        ),
        Answer(
            "exception on another span",
            "The exception is on database_error",
            (
                TRACER,
                programmatic(
                    HANDLER,
                    HANDLER
                    + '    with tracer.start_as_current_span("database_error") as span:\n'
                    + "        span.record_exception(error)\n",
                ),
            ),
        ),
        Answer(
            "exception of the driver",
            "is sqlite3.OperationalError, not sqlalchemy.exc.OperationalError: pass the error that",
            (
                programmatic(
                    HANDLER,
                    HANDLER + "    trace.get_current_span().record_exception(error.orig)\n",
                ),
            ),
        ),
        Answer(
            "no handler",
            "It was answered with 500. Keep the handler",
            (programmatic("@app.errorhandler(OperationalError)\n", ""),),
        ),
        Answer(
            "exception that is raised again",
            "Keep the handler and record the exception before it answers",
            (programmatic(HANDLER, HANDLER + "    raise error\n"),),
        ),
        Answer(
            "solution",
            "",
            (
                programmatic(
                    HANDLER,
                    HANDLER + "    trace.get_current_span().record_exception(error)\n",
                ),
            ),
        ),
    ],
    4: [
        Answer("starting point", "There are two traces instead of one: server_automatic began"),
        Answer(
            "instrumentation of another library",
            "adds the header only to the calls of that library",
            (
                programmatic(
                    IMPORT_SDK,
                    "from opentelemetry.instrumentation.requests import RequestsInstrumentor\n"
                    + IMPORT_SDK,
                ),
                programmatic(
                    INSTRUMENT_SQLALCHEMY,
                    INSTRUMENT_SQLALCHEMY + "RequestsInstrumentor().instrument()\n",
                ),
            ),
        ),
        Answer(
            "client span without a header",
            "The client span ask_next of server_programmatic is there, but its ids were not sent",
            (
                TRACER,
                programmatic(
                    "def ask_next():\n",
                    '@tracer.start_as_current_span("ask_next", kind=trace.SpanKind.CLIENT)\n'
                    "def ask_next():\n",
                ),
            ),
        ),
        Answer(
            "header of the caller passed on",
            "server_programmatic, which passed on the ids of its own caller",
            (
                programmatic("import Flask, jsonify\n", "import Flask, jsonify, request\n"),
                programmatic(
                    "    call = Request(NEXT_URL)\n",
                    '    header = {"traceparent": request.headers["traceparent"]}\n'
                    "    call = Request(NEXT_URL, headers=header)\n",
                ),
            ),
        ),
        Answer(
            "header without a client span",
            "the call itself has no span",
            (
                IMPORT_INJECT,
                programmatic(
                    ASK_NEXT,
                    ASK_NEXT.replace("URL)\n", "URL)\n    inject(call.headers)\n"),
                ),
            ),
        ),
        Answer(
            "header from outside of the client span",
            "call it while the client span is the current one",
            (
                TRACER,
                IMPORT_INJECT,
                programmatic(
                    ASK_NEXT,
                    """
    call = Request(NEXT_URL)
    inject(call.headers)
    with tracer.start_as_current_span("ask_next", kind=trace.SpanKind.CLIENT):
        with urlopen(call, timeout=10) as answer:
            return json.load(answer)
""",
                ),
            ),
        ),
        Answer(
            "solution",
            "",
            (
                IMPORT_URLLIB,
                programmatic(INSTRUMENT_SQLALCHEMY, INSTRUMENT_SQLALCHEMY + BROKEN_CHAIN[1].old),
            ),
        ),
    ],
    5: [
        Answer("starting point", "GET /chain has no such attribute. Baggage stays in the context"),
        Answer(
            "attribute of the first service",
            "The attribute is on server_manual: chain [server]. An attribute stays on its span",
            (
                manual(
                    CALL_NEXT,
                    '            span.set_attribute("client.name", request.user_agent.string)\n'
                    + CALL_NEXT,
                ),
            ),
        ),
        Answer(
            "baggage that is never attached",
            "No entry client.name has come to server_automatic. baggage.set_baggage changes",
            (
                *put_baggage("client.name"),
                IMPORT_BAGGAGE,
                manual(CALL_NEXT, f"            {SET_BAGGAGE}\n{CALL_NEXT}"),
            ),
        ),
        Answer(
            "attribute under another key",
            "There is an attribute client_name. Name it client.name",
            (*put_baggage("client_name"), *SEND_BAGGAGE),
        ),
        Answer(
            "header of the last call in place of the baggage",
            "The attribute is 'Python-urllib",
            (
                automatic("import Flask, jsonify\n", "import Flask, jsonify, request\n" + API),
                automatic(
                    CHAIN,
                    "    span = trace.get_current_span()\n"
                    '    span.set_attribute("client.name", request.user_agent.string)\n' + CHAIN,
                ),
            ),
        ),
        Answer("solution", "", (*put_baggage("client.name"), *SEND_BAGGAGE)),
    ],
    6: [
        Answer("starting point", "All 400 are. Their traces begin in server_manual"),
        Answer(
            "ratio without the parent's decision",
            "A ratio alone does not look at the caller's decision",
            sampled_by(MANUAL, "TraceIdRatioBased(0.1)"),
        ),
        Answer(
            "ratio in the second service",
            "traces have no span of server_programmatic",
            sampled_by(PROGRAMMATIC, "TraceIdRatioBased(0.1)"),
        ),
        Answer(
            "nothing",
            "None of 400 is",
            sampled_by(MANUAL, "ParentBased(ALWAYS_OFF)"),
        ),
        Answer(
            "ratio of what is left out",
            "not the part that is left out",
            sampled_by(MANUAL, "ParentBased(TraceIdRatioBased(0.9))"),
        ),
        Answer("solution", "", sampled_by(MANUAL, "ParentBased(TraceIdRatioBased(0.1))")),
    ],
    7: [
        Answer("starting point", "Its attributes have the old names, such as http.method"),
        Answer(
            "variable set after the first library",
            "when the first of them is switched on",
            (programmatic("app = Flask(__name__)\n", "app = Flask(__name__)\n" + opt_in("http")),),
        ),
        Answer(
            "both names",
            "That is what http/dup records",
            (programmatic(LOGGING, opt_in("http/dup") + LOGGING),),
        ),
        Answer("solution", "", (programmatic(LOGGING, opt_in("http") + LOGGING),)),
    ],
    8: [
        Answer("starting point", "most of it in the span connect"),
        Answer(
            "functions that do not sleep",
            "They stand for the work that has to be done",
            (programmatic(ONE, "def some_func_one():\n    some_func_two()\n"),),
        ),
        Answer(
            "wait in the handler",
            "more than the functions sleep, most of it in a gap",
            (
                Edit(DATABASE, LISTENER, "def wait_for_cars():\n"),
                programmatic("import Car, engine\n", "import Car, engine, wait_for_cars\n"),
                programmatic(HANDLE, HANDLE + "    wait_for_cars()\n"),
            ),
        ),
        Answer(
            "wait before the span",
            "the trace only does not show it",
            (
                Edit(DATABASE, LISTENER, "def wait_for_cars():\n"),
                manual("import Car, engine\n", "import Car, engine, wait_for_cars\n"),
                manual(HANDLE, HANDLE + "    wait_for_cars()\n"),
            ),
        ),
        Answer("solution", "", (Edit(DATABASE, LISTENER + WAIT + "\n\n", ""),)),
    ],
    9: [
        Answer("starting point", "Prometheus has no some_func_two_duration_seconds_bucket"),
        Answer(
            "counter",
            "It is a counter",
            (
                *create_metric("counter", more=""),
                programmatic(TWO, MEASURED_TWO.replace("record", "add")),
            ),
        ),
        Answer(
            "milliseconds",
            "The value has another unit than the metric",
            (
                *create_metric(),
                programmatic(
                    TWO,
                    MEASURED_TWO.replace(
                        "perf_counter() - start", "(perf_counter() - start) * 1000"
                    ),
                ),
            ),
        ),
        Answer(
            "after the span has ended",
            "It leads to the span some_func_one",
            (
                *create_metric(),
                programmatic(
                    CALL_TWO,
                    "    start = perf_counter()\n"
                    "    some_func_two()\n"
                    "    duration.record(perf_counter() - start)\n",
                ),
            ),
        ),
        Answer(
            "boundaries for milliseconds",
            "s is in the bucket that ends at 5 s",
            (*create_metric(more=""), programmatic(TWO, MEASURED_TWO)),
        ),
        Answer("solution", "", (*create_metric(), programmatic(TWO, MEASURED_TWO))),
    ],
    10: [
        Answer("starting point", "It has no trace_id=: INFO Found 5 cars"),
        Answer(
            "ids in decimal",
            "The id is in decimal",
            log_ids("context.trace_id", "context.span_id"),
        ),
        Answer(
            "ids of the time when the module is loaded",
            "Its ids are zeros",
            (
                manual(
                    "logging.basicConfig(",
                    f"ids = {LOADED}\n"
                    "TRACE_ID = trace.format_trace_id(ids.trace_id)\n"
                    "SPAN_ID = trace.format_span_id(ids.span_id)\n"
                    "logging.basicConfig(",
                ),
                manual(
                    f'"{FORMAT}"',
                    'f"%(levelname)s [trace_id={TRACE_ID} span_id={SPAN_ID}] %(message)s"',
                ),
            ),
        ),
        Answer(
            "ids of the server span in each line",
            "It has the id of the span server_request",
            log_ids(
                FORMAT_IDS[0],
                'trace.format_span_id(g.get("request_span").get_span_context().span_id)'
                ' if g else ""',
            ),
        ),
        Answer(
            "line below the log level",
            'The journal has no line "Sleeping ..."',
            log_ids(*FORMAT_IDS, level="debug"),
        ),
        Answer("solution", "", log_ids(*FORMAT_IDS)),
    ],
    11: [
        Answer("starting point", "It is server_automatic. There was no server_mixed.py"),
        Answer(
            "copy of the automatic mode",
            "No span of this name has arrived",
            fourth(AUTOMATIC),
        ),
        Answer(
            "copy of the manual mode",
            "There is also server_request, of your code",
            fourth(MANUAL),
        ),
        Answer(
            "solution",
            "",
            fourth(
                AUTOMATIC,
                automatic(
                    "import Flask, jsonify\n",
                    "import Flask, jsonify\nfrom opentelemetry import trace\n",
                ),
                *(Edit(AUTOMATIC, edit.old, edit.new) for edit in OWN_SPANS),
            ),
        ),
    ],
}
