"""The cars' database: the engine, the model and the session that the three servers share.

Importing it opens no connection. `python db.py` makes the table and the example cars, once.
"""

import os
from pathlib import Path

from sqlalchemy import create_engine, insert, inspect
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, Session, mapped_column
from sqlalchemy.pool import NullPool

# The file stands beside this module, so that it is the same one from every working directory.
DATABASE_URL = os.environ.get(
    "CAR_APP_DATABASE_URL", f"sqlite:///{Path(__file__).resolve().with_name('cars.db')}"
)

if DATABASE_URL.startswith("sqlite"):
    # A pooled connection would go on reading a file of SQLite's that was replaced.
    engine = create_engine(DATABASE_URL, poolclass=NullPool)
else:
    # Of PostgreSQL's 100 connections, 15 for the threads of each of a host's six workers; a query
    # holds one. One that was cut is found and replaced; a lock is awaited as in SQLite.
    engine = create_engine(
        DATABASE_URL,
        pool_size=15,
        max_overflow=0,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 5, "options": "-c lock_timeout=5s"},
    )


class Base(MappedAsDataclass, DeclarativeBase):
    """Models are dataclasses too: Flask knows how to turn those into JSON."""


class Car(Base):
    __tablename__ = "cars"

    id: Mapped[int] = mapped_column(primary_key=True)
    brand: Mapped[str]
    color: Mapped[str]
    body: Mapped[str]


EXAMPLE_CARS = [
    {"id": 1, "brand": "Fiat", "color": "red", "body": "hatchback"},
    {"id": 2, "brand": "Lada", "color": "green", "body": "sedan"},
    {"id": 3, "brand": "Skoda", "color": "white", "body": "liftback"},
    {"id": 4, "brand": "Toyota", "color": "blue", "body": "pickup"},
    {"id": 5, "brand": "Volvo", "color": "black", "body": "estate"},
]


def get_db():
    """Yield a session, and close it whatever happened to its queries."""
    with Session(engine) as session:
        yield session


def create_cars() -> bool:
    """Make the table and its cars in one transaction; False if the table is there."""
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            # Python's driver begins no transaction before a CREATE. IMMEDIATE: a second run waits.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            # Whoever has this number makes the table; a second run waits.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(1)")
        if inspect(connection).has_table(Car.__tablename__):
            return False
        Base.metadata.create_all(connection)
        connection.execute(insert(Car), EXAMPLE_CARS)
        return True


if __name__ == "__main__":
    # repr() hides a password in the address.
    if create_cars():
        print(f"Created {len(EXAMPLE_CARS)} cars in {engine.url!r}.")
    else:
        print(f"Nothing to do: the cars are in {engine.url!r} already.")
