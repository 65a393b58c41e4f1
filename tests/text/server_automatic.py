"""The program without telemetry in the form of the teaching text."""

from time import sleep

from flask import Flask, jsonify

from db import Car, get_db

app = Flask(__name__)


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
