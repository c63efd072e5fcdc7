"""What Grafana's PostgreSQL data source makes of a query before it sends it, and what it asks of the answer.

Macros by https://grafana.com/docs/grafana/latest/datasources/postgres/#macros, variables by
https://grafana.com/docs/grafana/latest/dashboards/variables/variable-syntax/.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg2


@dataclass(frozen=True)
class Range:
    """The range of time of a dashboard, in epoch milliseconds."""

    from_ms: int
    to_ms: int


def expanded(sql: str, span: Range, variables: Mapping[str, str]) -> str:
    """The SQL that the database gets.

    Raises:
        ValueError: a variable or macro is left that Grafana would not replace.
    """
    begin, end = (f"'{_rfc3339(at)}'" for at in (span.from_ms, span.to_ms))
    sql = re.sub(r"\$\{(\w+):sqlstring\}", lambda found: _quoted(variables[found[1]]), sql)
    sql = re.sub(r"\$__timeFilter\(([^()]*)\)", rf"\1 BETWEEN {begin} AND {end}", sql)
    sql = sql.replace("$__timeFrom()", begin).replace("$__timeTo()", end)
    left = re.findall(r"\$[\w{].*", sql)
    if left:
        raise ValueError(f"not replaced: {left}")
    return sql


def answer(connection: Any, sql: str, *, time_series: bool) -> list[tuple[Any, ...]]:
    """Rows, as the data source would take them.

    Raises:
        ValueError: the data source would refuse the answer.
    """
    with connection.cursor() as cursor:
        cursor.execute(sql)
        columns = [column.name for column in cursor.description]
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    if len(set(columns)) < len(columns):
        raise ValueError(f"columns of one name: {columns}")
    if time_series:
        _check_series(columns, rows)
    return rows


def _check_series(columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    if "time" not in columns:
        raise ValueError(f"a time series needs a column time, got {columns}")
    at = columns.index("time")
    times = [row[at] for row in rows]
    if any(not isinstance(time, datetime) for time in times) or times != sorted(times):
        raise ValueError("times must be given, and in order")
    numbers = [place for place, name in enumerate(columns) if name not in ("time", "metric")]
    if not numbers or any(not isinstance(row[place], (int, float, type(None))) for row in rows for place in numbers):
        kinds = {name: {type(row[place]).__name__ for row in rows} for place, name in enumerate(columns)}
        raise ValueError(f"values must be numbers, got {kinds}")


def connect(url: str) -> Any:
    """A connection by a URL of SQLAlchemy."""
    return psycopg2.connect(url.replace("+psycopg2", ""))


def _rfc3339(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat().replace("+00:00", "Z")


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
