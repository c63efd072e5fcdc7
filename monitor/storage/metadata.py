"""The description of all tables together, for migrations and tests: importing a module of tables enters them here."""

from __future__ import annotations

from monitor.storage import access_tables, response_tables, tables
from monitor.storage.schema import metadata

MODULES = (tables, response_tables, access_tables)

__all__ = ["MODULES", "metadata"]
