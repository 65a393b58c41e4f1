"""The cars' database: the engine, the model and the session, which all three servers use.

Importing it opens no connection. `python db.py` creates the table and the example cars, once.
"""

import os
from pathlib import Path

from sqlalchemy import create_engine, insert, inspect
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, Session, mapped_column
from sqlalchemy.pool import NullPool

# The file is beside this module, so it is the same one in every working directory.
DATABASE_URL = os.environ.get(
    "CAR_APP_DATABASE_URL", f"sqlite:///{Path(__file__).resolve().with_name('cars.db')}"
)

if DATABASE_URL.startswith("sqlite"):
    # A pooled connection would keep reading a database file that has been replaced.
    engine = create_engine(DATABASE_URL, poolclass=NullPool)
else:
    # PostgreSQL allows 100 connections, and a host has six workers: each gets 15. A thread holds
    # one only for a query. Broken ones are replaced; a lock is waited for as long as in SQLite.
    engine = create_engine(
        DATABASE_URL,
        pool_size=15,
        max_overflow=0,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 5, "options": "-c lock_timeout=5s"},
    )


class Base(MappedAsDataclass, DeclarativeBase):
    """Models are dataclasses too, which Flask can convert to JSON."""


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
    """Yield a session, and close it even if a query fails."""
    with Session(engine) as session:
        yield session


def create_cars() -> bool:
    """Create the table and its cars in one transaction; False if the table already exists."""
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            # Python's driver begins no transaction before CREATE. IMMEDIATE: a second run waits.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            # The run that has this lock creates the table; a second one waits.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(1)")
        if inspect(connection).has_table(Car.__tablename__):
            return False
        Base.metadata.create_all(connection)
        connection.execute(insert(Car), EXAMPLE_CARS)
        return True


if __name__ == "__main__":
    # repr() hides a password in the URL.
    if create_cars():
        print(f"Created {len(EXAMPLE_CARS)} cars in {engine.url!r}.")
    else:
        print(f"Nothing to do: the cars are in {engine.url!r} already.")
