"""Beginnings and ends of the JSON documents of a text, by brackets alone: no recursion, and linear cost."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

_QUOTE, _ESCAPE, _NEWLINE, _COMMA, _SEPARATOR = 0x22, 0x5C, 0x0A, 0x2C, 0x1E


def documents(text: bytes) -> list[bytes]:
    """The documents of a text, in order: objects and arrays, and any text between them.

    If every line is a document of its own, as in NDJSON, lines are what parts them: then a broken one cannot swallow
    the next. Otherwise brackets are; white space, commas and record separators (RFC 7464) may stand in between.
    """
    lines = [line for line in (piece.strip(b" \t\r\x1e") for piece in text.split(b"\n")) if line]
    if len(lines) > 1 and all(line[:1] in (b"{", b"[") for line in lines) and lines[0][-1:] in (b"}", b"]"):
        return lines
    return [text[start:end].strip() for start, end in _bounds(text).tolist()]


def _bounds(text: bytes) -> NDArray[np.int64]:
    bounds: NDArray[np.int64] = _scan(np.frombuffer(text, np.uint8))
    return bounds


@njit(cache=True, nogil=True)
def document_end(text, at, depth, in_string):  # type: ignore[no-untyped-def]
    """Follow brackets from ``at`` until all are closed.

    Returns:
        the place behind the last closing bracket, or -1 if the text ends before; the depth and whether a string is
        open there, to go on with more text. A text that ends behind a backslash is handed over without it.
    """
    while at < text.size:
        byte = text[at]
        if in_string:
            if byte == _ESCAPE:
                at += 1
            elif byte == _QUOTE:
                in_string = False
        elif byte == _QUOTE:
            in_string = True
        elif byte in (0x5B, 0x7B):
            depth += 1
        elif byte in (0x5D, 0x7D):
            depth -= 1
            if depth <= 0:
                return at + 1, 0, False
        at += 1
    return -1, depth, in_string


@njit(cache=True, nogil=True)
def _scan(text):  # type: ignore[no-untyped-def]
    """int64 (n, 2): the bounds of each document."""
    found = np.empty((16, 2), np.int64)
    count = 0
    at = 0
    while at < text.size:
        byte = text[at]
        if byte in (0x20, 0x09, 0x0D, _NEWLINE, _COMMA, _SEPARATOR):
            at += 1
            continue
        start = at
        if byte in (0x5B, 0x7B):
            at, _, _ = document_end(text, at, 0, False)
            at = text.size if at < 0 else at
        else:
            while at < text.size and text[at] != _NEWLINE and text[at] not in (0x5B, 0x7B):
                at += 1
        if count == len(found):
            grown = np.empty((2 * count, 2), np.int64)
            grown[:count] = found
            found = grown
        found[count, 0], found[count, 1] = start, at
        count += 1
    return found[:count]
