"""A report as one HTML file with its pictures: no scripts, nothing loaded, every value escaped; prints on paper."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from monitor.incidents.report import OPEN, Item, Part
from monitor.incidents.words import plain

LONGEST: Final = 2000
STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c1c1c}"
    "h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;vertical-align:top;border-bottom:1px solid #ddd;padding:.25rem .6rem .25rem 0}"
    "th[scope=row]{width:14rem;font-weight:600}.open{color:#a3480a;font-weight:600}.state{font-weight:700}"
    "figure{margin:1rem 0}figcaption{color:#555;font-size:.9rem}img{max-width:100%}td{overflow-wrap:anywhere}"
    "@media print{body{margin:0;max-width:none}h2{break-after:avoid}figure,tr{break-inside:avoid}}"
)
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def html(title: str, state: str, parts: Sequence[Part]) -> str:
    """The whole report. Pictures are images: whatever an SVG holds, no script of it runs."""
    body = "\n".join(_part(part) for part in parts)
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{_text(title)}</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n<style>{STYLE}</style></head>\n'
        f'<body>\n<h1>{_text(title)}</h1>\n<p class="state">{_text(state)}.</p>\n{body}\n</body>\n</html>\n'
    )


def _part(part: Part) -> str:
    blocks = [f"<h2>{_text(part.heading)}</h2>"] if part.heading else []
    if part.rows:
        blocks.append(_rows(part.rows))
    if part.items is not None:
        blocks.append(f"<ul>{''.join(_item(each) for each in part.items)}</ul>" if part.items else _marked(OPEN))
    if part.table is not None:
        blocks.append(_table(*part.table))
    blocks += [_picture(caption, svg) for caption, svg in part.pictures]
    if part.note:
        blocks.append(f"<p>{_text(part.note)}</p>")
    return "\n".join(blocks)


def _rows(rows: Mapping[str, str]) -> str:
    lines = (f'<tr><th scope="row">{_text(name)}</th><td>{_marked(value)}</td></tr>' for name, value in rows.items())
    return f"<table>{''.join(lines)}</table>"


def _item(item: Item) -> str:
    lead = f"<b>{_text(item.lead)}</b> " if item.lead else ""
    below = f"<ul>{''.join(f'<li>{_marked(each)}</li>' for each in item.points)}</ul>" if item.points else ""
    return f"<li>{lead}{_text(item.text)}{below}</li>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f'<th scope="col">{_text(each)}</th>' for each in head)
    below = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{below}</tbody></table>"


def _picture(caption: str, svg: str) -> str:
    data = base64.b64encode(svg.encode()).decode()
    return (
        f'<figure><img src="data:image/svg+xml;base64,{data}" alt="{_text(caption)}">'
        f"<figcaption>{_text(caption)}</figcaption></figure>"
    )


def _marked(text: str) -> str:
    return f'<span class="open">{OPEN}</span>' if text == OPEN else _text(text)


def _text(text: str) -> str:
    return escape(plain(text, longest=LONGEST))
