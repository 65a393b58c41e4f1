"""Hold a lock on the cars' table in PostgreSQL until the standard input ends.

verify.yml runs this with the app's user, settings, code and packages.
"""

import sys

from db import engine

with engine.begin() as connection:
    connection.exec_driver_sql("LOCK TABLE cars IN ACCESS EXCLUSIVE MODE")
    print("locked", flush=True)
    sys.stdin.read()
