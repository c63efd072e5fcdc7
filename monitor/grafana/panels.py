"""Panels as dashboards use them: a title, what it means, a unit, a query; rows of them without gaps or overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import common, dashboard, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models

from monitor.grafana.names import GUARDRAIL, INCIDENTS, STREAM, TAG
from monitor.grafana.queries import PROM_SOURCE, SQL_SOURCE, Sql, data_sources, series

WIDTH: Final = 24
"""Columns of Grafana's grid."""
Target = Any
"""A builder of a query of either data source: the SDK's builders share no type that is narrower."""
GOOD, NEUTRAL, WARN, BAD = "green", "blue", "orange", "red"

TO_GUARDRAIL: Final = f"/d/{GUARDRAIL}?var-guardrail=${{__data.fields.guardrail:percentencode}}&${{__url_time_range}}"
TO_STREAM: Final = f"/d/{STREAM}?var-stream=${{__data.fields.stream_id}}&${{__url_time_range}}"
TO_INCIDENTS: Final = f"/d/{INCIDENTS}?${{__url_time_range}}"


@dataclass(frozen=True)
class Cell:
    """A panel and its columns of the grid."""

    panel: Any
    width: int


@dataclass(frozen=True)
class Row:
    """Panels side by side, of one height."""

    height: int
    cells: Sequence[Cell]

    def __post_init__(self) -> None:
        used = sum(cell.width for cell in self.cells)
        if used != WIDTH:
            raise ValueError(f"a row has {WIDTH} columns, these panels take {used}")


def one_number(
    title: str,
    meaning: str,
    unit: str,
    target: Target,
    *,
    steps: Sequence[tuple[float | None, str]] = ((None, NEUTRAL),),
    width: int = 4,
    link: str = "",
    none: str = "none",
) -> Cell:
    """One large number; its colour by the last of ``steps`` (value from, colour) that it reaches."""
    # By default a panel looks at numbers alone; a text would leave it empty.
    taken = common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields("/.*/" if unit == "string" else "")
    panel = (
        stat.Panel()
        .title(title)
        .description(meaning)
        .unit(unit)
        .datasource(_source(target))
        .with_target(target)
        .color_mode(common_models.BigValueColorMode.VALUE)
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .reduce_options(taken)
        .thresholds(_thresholds(steps))
        .no_value(none)
    )
    return Cell(_linked(panel, link), width)


def lines(
    title: str,
    meaning: str,
    unit: str,
    *targets: Target,
    limit: float | None = None,
    width: int = 12,
    lowest: float | None = None,
    stacked: bool = False,
    link: str = "",
) -> Cell:
    """Curves over time, with a dashed line at ``limit``."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(meaning)
        .unit(unit)
        .datasource(_source(targets[0]))
        .targets(list(targets))
        .line_width(1)
        .fill_opacity(40 if stacked else 0)
        .show_points(common_models.VisibilityMode.AUTO)
        .legend(_legend())
        .tooltip(common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI))
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    if lowest is not None:
        panel = panel.min(lowest)
    if limit is not None:
        style = common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds(_thresholds([(None, "transparent"), (limit, BAD)])).thresholds_style(style)
    return Cell(_linked(panel, link), width)


def rows(
    title: str, meaning: str, target: Sql, *, width: int = WIDTH, link: str = "", units: dict[str, str] | None = None
) -> Cell:
    """A table; a click on a cell follows ``link``; ``units``: unit by column."""
    panel = (
        table.Panel()
        .title(title)
        .description(meaning)
        .unit("none")
        .datasource(SQL_SOURCE)
        .with_target(target)
        .no_value("none")
    )
    for column, unit in (units or {}).items():
        panel = panel.override_by_name(column, [models.DynamicConfigValue(id_val="unit", value=unit)])
    panel = panel.override_by_name("stream_id", [models.DynamicConfigValue(id_val="custom.hidden", value=True)])
    return Cell(_linked(panel, link), width)


def spans(
    title: str, meaning: str, target: Sql, states: Sequence[tuple[float, str, str]], *, width: int = WIDTH
) -> Cell:
    """States over time, a line for each name; ``states``: number in the data, word, colour."""
    shown = {
        str(number): models.ValueMappingResult(text=word, color=colour, index=place)
        for place, (number, word, colour) in enumerate(states)
    }
    panel = (
        statetimeline.Panel()
        .title(title)
        .description(meaning)
        .unit("none")
        .datasource(SQL_SOURCE)
        .with_target(target)
        .mappings([models.ValueMap(options=shown)])
        .no_value("none")
    )
    return Cell(panel, width)


def board(
    uid: str,
    title: str,
    question: str,
    content: Sequence[Row],
    *,
    variables: Sequence[dashboard.QueryVariable] = (),
    since: str = "now-24h",
    guardrail: str = "",
) -> dict[str, Any]:
    """A dashboard in Grafana's classic schema, as JSON.

    Args:
        uid: never changes: links and saved URLs hold it.
        title: in lists.
        question: what it answers, in its first row.
        content: rows from top to bottom.
        variables: beside the data sources.
        since: its range of time when it is opened.
        guardrail: SQL for the guardrail whose incidents and releases are marked; empty: those of all.
    """
    made = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(question)
        .tags([TAG])
        .timezone("browser")
        .time(since, "now")
        .refresh("1m")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("Driftline")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .keep_time(True)
            .include_vars(True)
            .icon("external link")
            .tooltip("the other dashboards of Driftline")
        )
    )
    for variable in [*data_sources(), *variables]:
        made = made.with_variable(variable)
    for annotation in _annotations(guardrail):
        made = made.annotation(annotation)
    number, top = 0, 0
    for row in content:
        left = 0
        for cell in row.cells:
            number += 1
            place = models.GridPos(h=row.height, w=cell.width, x=left, y=top)
            made = made.with_panel(cell.panel.id(number).grid_pos(place))
            left += cell.width
        top += row.height
    return dict(made.build().to_json())


def _annotations(guardrail: str) -> list[dashboard.AnnotationQuery]:
    its_incidents = f"AND guardrail = {guardrail}" if guardrail else ""
    its_releases = f"AND (kind = 'model' OR name = {guardrail})" if guardrail else ""
    marks = {
        "Incidents": (
            BAD,
            f"""
            SELECT opened_at AS time, coalesce(resolved_at, now()) AS timeend, name || ': ' || title AS text,
                   concat_ws(',', severity, trouble, status) AS tags
            FROM driftline_read.incidents
            WHERE opened_at <= $__timeTo()::timestamptz AND coalesce(resolved_at, now()) >= $__timeFrom()::timestamptz
              {its_incidents}
            ORDER BY opened_at""",
        ),
        "Releases": (
            NEUTRAL,
            f"""
            SELECT at AS time, kind || ' ' || name || ' ' || version || ' is seen first' AS text, kind AS tags
            FROM driftline_read.releases
            WHERE $__timeFilter(at) {its_releases}
            ORDER BY at""",
        ),
    }
    return [
        dashboard.AnnotationQuery()
        .name(name)
        .datasource(SQL_SOURCE)
        .enable(True)
        .icon_color(colour)
        .target(Sql(sql, ref_id="Anno"))
        for name, (colour, sql) in marks.items()
    ]


def _source(target: Target) -> common_models.DataSourceRef:
    return SQL_SOURCE if isinstance(target, Sql) else PROM_SOURCE


def _legend() -> common.VizLegendOptions:
    shown = common.VizLegendOptions().show_legend(True).placement(common_models.LegendPlacement.BOTTOM)
    return shown.display_mode(common_models.LegendDisplayMode.LIST)


def _thresholds(steps: Sequence[tuple[float | None, str]]) -> Builder[models.ThresholdsConfig]:
    made = [models.Threshold(value=value, color=colour) for value, colour in steps]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(made)


def _linked(panel: Any, link: str) -> Any:
    if not link:
        return panel
    return panel.data_links([dashboard.DashboardLink("open").url(link).type(models.DashboardLinkType.LINK)])


__all__ = ["Cell", "Row", "board", "lines", "one_number", "rows", "series", "spans"]
