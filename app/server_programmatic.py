"""Programmatic: this file switches instrumentation libraries on, and they create the spans."""

import json
import logging
import os
from time import sleep
from urllib.request import Request, urlopen

from flask import Flask, jsonify
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.logging import LoggingInstrumentor
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.instrumentation.urllib import URLLibInstrumentor
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from sqlalchemy import select
from sqlalchemy.orm import Session

from db import Car, engine

# OTLPSpanExporter sends to http://localhost:4317, unless OTEL_EXPORTER_OTLP_ENDPOINT is set.
resource = Resource.create({SERVICE_NAME: "server_programmatic"})
provider = TracerProvider(resource=resource)
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)

# Metrics, where they are wanted: the libraries below find the provider and measure every request.
if os.environ.get("OTEL_METRICS_EXPORTER") == "otlp":
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.metrics import set_meter_provider
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    reader = PeriodicExportingMetricReader(OTLPMetricExporter())
    set_meter_provider(MeterProvider(resource=resource, metric_readers=[reader]))

# Logs, where they are wanted: the library below finds the provider and sends every record too.
if send_logs := os.environ.get("OTEL_LOGS_EXPORTER") == "otlp":
    from opentelemetry._logs import set_logger_provider
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    logger_provider = LoggerProvider(resource=resource)
    logger_provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    set_logger_provider(logger_provider)

# Adds the ids of the current trace and span to every log line.
LoggingInstrumentor().instrument(set_logging_format=True, enable_log_auto_instrumentation=send_logs)

app = Flask(__name__)
app.logger.setLevel(logging.INFO)

FlaskInstrumentor().instrument_app(app)
SQLAlchemyInstrumentor().instrument(engine=engine)
URLLibInstrumentor().instrument()

# How long each of the two functions sleeps.
SLEEP_SECONDS = float(os.environ.get("CAR_APP_SLEEP_SECONDS", "0.5"))

# What /chain calls next; the last service calls nothing.
NEXT_URL = os.environ.get("CAR_APP_NEXT_URL")


@app.get("/cars")
def server_request():
    # The session is not held while the functions sleep.
    with Session(engine) as session:
        cars = session.scalars(select(Car)).all()
        response = jsonify(cars)
    app.logger.info("Found %d cars", len(cars))
    some_func_one()
    return response


def some_func_one():
    sleep(SLEEP_SECONDS)
    some_func_two()


def some_func_two():
    sleep(SLEEP_SECONDS)


@app.get("/chain")
def chain():
    services = [app.name]
    if NEXT_URL:
        services += ask_next()
    response = jsonify(services)
    app.logger.info("Went through %s", ", ".join(services))
    return response


def ask_next():
    call = Request(NEXT_URL)
    with urlopen(call, timeout=10) as answer:
        return json.load(answer)


if __name__ == "__main__":
    app.run(port=8082)
