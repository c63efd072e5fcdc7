"""What all tables share: names of constraints, safe text, row numbers; for PostgreSQL and SQLite alike."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Dialect,
    Integer,
    MetaData,
    Text,
)
from sqlalchemy.types import TypeDecorator


def storable(value: str) -> str:
    """The text as both databases can take it: NUL and lone surrogates become U+FFFD.

    Names and notes come from outside; PostgreSQL refuses NUL, UTF-8 has no surrogates, and a value that can never
    be stored would stop its partition indefinitely.
    """
    return value.replace("\x00", "\ufffd").encode("utf-8", "surrogatepass").decode("utf-8", "replace")


class SafeText(TypeDecorator[str]):
    """TEXT whose values pass through :func:`storable`."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Called for every value bound to such a column."""
        return None if value is None else storable(value)


metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# SQLite numbers rows by itself only in a column that is declared exactly INTEGER PRIMARY KEY (64 bits there too).
RowId: Final = BigInteger().with_variant(Integer(), "sqlite")
