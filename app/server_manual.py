"""Manual: this file creates every span, and there are no others."""

import json
import logging
import os
from time import sleep
from urllib.request import Request, urlopen

from flask import Flask, g, jsonify, request
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.wsgi import collect_request_attributes
from opentelemetry.propagate import extract, inject
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from sqlalchemy import select
from sqlalchemy.orm import Session

from db import Car, engine

# OTLPSpanExporter sends to http://localhost:4317, unless OTEL_EXPORTER_OTLP_ENDPOINT is set.
resource = Resource.create({SERVICE_NAME: "server_manual"})
provider = TracerProvider(resource=resource)
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)


def log_record(*arguments):
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
logging.basicConfig(format="%(levelname)s [trace_id=%(trace_id)s span_id=%(span_id)s] %(message)s")

app = Flask(__name__)
app.logger.setLevel(logging.INFO)

tracer = trace.get_tracer("server_manual")

# Metrics, where they are wanted: a counter and a histogram of the requests that have a span.
if os.environ.get("OTEL_METRICS_EXPORTER") == "otlp":
    from time import perf_counter

    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    reader = PeriodicExportingMetricReader(OTLPMetricExporter())
    meter = MeterProvider(resource=resource, metric_readers=[reader]).get_meter("server_manual")
    request_counter = meter.create_counter("cars.requests", unit="{request}")
    request_duration = meter.create_histogram("http.server.duration", unit="ms")

    @app.before_request
    def start_clock():
        g.start = perf_counter()

    @app.after_request
    def measure(response):
        if "request_span" in g:
            attributes = {"http.target": request.path, "http.status_code": response.status_code}
            # The span has ended, but its trace becomes the exemplar.
            context = trace.set_span_in_context(g.request_span)
            request_counter.add(1, attributes, context)
            request_duration.record((perf_counter() - g.start) * 1000, attributes, context)
        return response


# Logs, where they are wanted: each record is sent too, with the ids of the current trace and span.
if os.environ.get("OTEL_LOGS_EXPORTER") == "otlp":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.instrumentation.logging.handler import LoggingHandler
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    logger_provider = LoggerProvider(resource=resource)
    logger_provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    app.logger.addHandler(LoggingHandler(logger_provider=logger_provider))

# How long each of the two functions sleeps.
SLEEP_SECONDS = float(os.environ.get("CAR_APP_SLEEP_SECONDS", "0.5"))

# What /chain calls next; the last service calls nothing.
NEXT_URL = os.environ.get("CAR_APP_NEXT_URL")


@app.get("/cars")
def server_request():
    with tracer.start_as_current_span(
        "server_request",
        context=extract(request.headers),
        kind=trace.SpanKind.SERVER,
        attributes=collect_request_attributes(request.environ),
    ) as span:
        g.request_span = span
        # The session is not held while the functions sleep.
        with Session(engine) as session:
            cars = session.scalars(select(Car)).all()
            response = jsonify(cars)
        app.logger.info("Found %d cars", len(cars))
        some_func_one()
        span.set_attribute("http.status_code", response.status_code)
        return response


@tracer.start_as_current_span("some_func_one")
def some_func_one():
    sleep(SLEEP_SECONDS)
    some_func_two()


@tracer.start_as_current_span("some_func_two")
def some_func_two():
    sleep(SLEEP_SECONDS)


@app.get("/chain")
def chain():
    with tracer.start_as_current_span(
        "chain",
        context=extract(request.headers),
        kind=trace.SpanKind.SERVER,
        attributes=collect_request_attributes(request.environ),
    ) as span:
        g.request_span = span
        services = [app.name]
        if NEXT_URL:
            services += ask_next()
        response = jsonify(services)
        app.logger.info("Went through %s", ", ".join(services))
        span.set_attribute("http.status_code", response.status_code)
        return response


def ask_next():
    call = Request(NEXT_URL)
    with tracer.start_as_current_span(
        "ask_next",
        kind=trace.SpanKind.CLIENT,
        attributes={"http.method": "GET", "http.url": NEXT_URL},
    ) as span:
        # Adds the header traceparent with the ids of the trace and of this span.
        inject(call.headers)
        with urlopen(call, timeout=10) as answer:
            span.set_attribute("http.status_code", answer.status)
            return json.load(answer)


if __name__ == "__main__":
    app.run(port=8082)
