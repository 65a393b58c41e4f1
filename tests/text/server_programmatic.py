"""The program with instrumentation libraries in the form of the teaching text."""

from time import sleep

from flask import Flask, jsonify
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from db import Car, engine, get_db

provider = TracerProvider(resource=Resource(attributes={SERVICE_NAME: "server_programmatic"}))
exporter = OTLPSpanExporter(endpoint="http://localhost:4317", insecure=True)
provider.add_span_processor(BatchSpanProcessor(exporter))
trace.set_tracer_provider(provider)

app = Flask(__name__)
FlaskInstrumentor().instrument_app(app)
SQLAlchemyInstrumentor().instrument(engine=engine)


@app.route("/cars")
def server_request():
    session = next(get_db())
    cars = session.query(Car).all()
    some_func_one()
    return jsonify([{"id": c.id, "brand": c.brand, "color": c.color, "body": c.body} for c in cars])


def some_func_one():
    sleep(0.5)
    some_func_two()


def some_func_two():
    sleep(0.5)


if __name__ == "__main__":
    app.run(port=8082)
