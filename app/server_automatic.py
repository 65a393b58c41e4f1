"""Automatic: this file has no telemetry; opentelemetry-instrument starts it and adds the spans."""

import json
import logging
import os
from time import sleep
from urllib.request import Request, urlopen

from flask import Flask, jsonify
from sqlalchemy import select
from sqlalchemy.orm import Session

from db import Car, engine

app = Flask(__name__)
app.logger.setLevel(logging.INFO)

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
