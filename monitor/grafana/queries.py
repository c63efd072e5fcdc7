"""Targets of panels: SQL against the views of ``driftline_read``, PromQL against /metrics.

The data sources are variables of the dashboard, so that a dashboard fits an installation with other names.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard, prometheus
from grafana_foundation_sdk.cog import builder, variants
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import VariableRefresh

SQL_SOURCE: Final = DataSourceRef(type_val="postgres", uid="${postgresql}")
"""``postgres`` is the plugin's name in every version; later ones know it as an alias of their own."""
PROM_SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${prometheus}")


@dataclass
class SqlTarget(variants.Dataquery):
    """A query of the PostgreSQL data source, which the SDK has no model of."""

    sql: str
    format: str
    ref_id: str

    def to_json(self) -> dict[str, Any]:
        """As Grafana stores it."""
        return {
            "refId": self.ref_id,
            "datasource": SQL_SOURCE.to_json(),
            "editorMode": "code",
            "format": self.format,
            "rawQuery": True,
            "rawSql": self.sql,
        }


@dataclass
class Sql(builder.Builder[variants.Dataquery]):
    """A builder of the above."""

    text: str
    format: str = "table"
    """``table``, or ``time_series``: a column ``time``, one ``metric`` and one value."""
    ref_id: str = "A"

    def build(self) -> SqlTarget:
        """The target."""
        return SqlTarget(sql=dedent(self.text).strip(), format=self.format, ref_id=self.ref_id)


def series(text: str, ref_id: str = "A") -> Sql:
    """SQL for a time series."""
    return Sql(text, format="time_series", ref_id=ref_id)


def promql(expr: str, legend: str = "", ref_id: str = "A", *, instant: bool = False) -> prometheus.Dataquery:
    """A PromQL target; ``instant``: the value now alone."""
    target = prometheus.Dataquery().expr(expr).legend_format(legend or "__auto").ref_id(ref_id)
    return target.instant() if instant else target.range()


def data_sources() -> list[dashboard.DatasourceVariable]:
    """The two variables of every dashboard."""
    return [
        dashboard.DatasourceVariable("postgresql").label("Database").type("postgres"),
        dashboard.DatasourceVariable("prometheus").label("Prometheus").type("prometheus"),
    ]


def names(name: str, label: str, sql: str, *, all_values: bool = False) -> dashboard.QueryVariable:
    """A variable with the names that a query of the database finds."""
    found = (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SQL_SOURCE)
        .query(dedent(sql).strip())
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(False)
        .include_all(all_values)
    )
    return found.all_value("%") if all_values else found
