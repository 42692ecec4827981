"""A data folder of an older asgnet is opened, its concepts with unpainted pixels as background."""

import sqlite3

from asgnet.serving.store.concepts import Concepts
from asgnet.serving.store.database import Database
from asgnet.serving.store.folder import INDEX


def test_the_first_schema_becomes_the_second(tmp_path):
    Database(tmp_path).close()
    index = tmp_path / INDEX
    with sqlite3.connect(index) as connection:
        connection.execute("ALTER TABLE concept DROP COLUMN unpainted")
        values = ("0123456789abcdef", "mug", '["mug"]', "[1]", "x", "auto", 1, 0, 0, "[]", None)
        connection.execute("INSERT INTO concept VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    database = Database(tmp_path)
    row = database.rows("SELECT unpainted FROM concept")[0]
    assert row["unpainted"] == "background"
    assert Concepts(database).get("0123456789abcdef").unpainted == "background"
    database.close()
