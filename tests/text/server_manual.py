"""The manual program in the form of the teaching text."""

from time import sleep

from flask import Flask, jsonify, request
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.wsgi import collect_request_attributes
from opentelemetry.propagate import extract
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from db import Car, get_db

provider = TracerProvider(resource=Resource(attributes={SERVICE_NAME: "server_manual"}))
exporter = OTLPSpanExporter(endpoint="http://localhost:4317", insecure=True)
provider.add_span_processor(BatchSpanProcessor(exporter))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer(__name__)

app = Flask(__name__)


@app.route("/cars")
def server_request():
    with tracer.start_as_current_span(
        "server_request",
        context=extract(request.headers),
        kind=trace.SpanKind.SERVER,
        attributes=collect_request_attributes(request.environ),
    ):
        session = next(get_db())
        cars = session.query(Car).all()
        some_func_one()
        return jsonify(
            [{"id": c.id, "brand": c.brand, "color": c.color, "body": c.body} for c in cars]
        )


def some_func_one():
    with tracer.start_as_current_span("some_func_one"):
        sleep(0.5)
        some_func_two()


def some_func_two():
    with tracer.start_as_current_span("some_func_two"):
        sleep(0.5)


if __name__ == "__main__":
    app.run(port=8082)
