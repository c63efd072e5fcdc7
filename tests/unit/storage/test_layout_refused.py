"""A database whose columns mean something else is refused when it is opened, by workers and judges alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import delete

from monitor.errors import StoreRefused
from monitor.signals.layout import Columns, Layout
from monitor.storage import layouts, tables
from monitor.storage.stores import open_stores

HERE = Layout((Columns("a", 1, 1, 3), Columns("b", 1, 4, 2)), 16)
LATER = Layout((*HERE.columns, Columns("c", 1, 6, 2)), 16)
CLASHING = Layout((Columns("a", 1, 1, 3), Columns("z", 1, 4, 2)), 16)


def test_another_meaning_of_the_columns_is_refused_at_the_start(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'driftline.db'}"
    with open_stores(url) as stores, stores.database.writing() as connection:
        connection.execute(delete(tables.layouts))  # what the database was made for
        layouts.write(connection, HERE)
    with open_stores(url, layout=LATER):
        pass  # columns that are added contradict nothing
    with (
        pytest.raises(StoreRefused, match="z version 1 in columns 4 to 5 here, b version 1 in columns 4 to 5 there"),
        open_stores(url, layout=CLASHING),
    ):
        raise AssertionError("it was opened")
