"""A walk of one JSON record along a tree of wanted keys, compiled: where the values of the tree's paths are.

The tree is a table with a row per key. The first row is the record; children of a row are neighbours.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from detectors.compiled import njit
from monitor.events.grammar import skip_colon, skip_space, skip_value, string_end
from monitor.events.words import partial_word, word

ORDER: Final = 64
"""Positions whose key is remembered; further ones start again at the first."""
_LONGEST_SKIPPED: Final = 4_000
"""Bytes of a number, array or object that is passed over: integers of more digits are refused by JSON parsers."""
NAME, SIZE, CHILDREN, COUNT, ASIDE, PARENT, NODE_COLUMNS = range(7)
"""Columns of the nodes: where the key's bytes begin in ``names`` and how many there are, the first child and how
many, whether a record with this key is left to the interpreter, and the node above."""
FIRST, MASK, HEAD_COLUMNS = 0, 3, 6
"""Columns of the heads: the key as 3 words, and the bits of these words that it covers."""
HEAD_BYTES: Final = 24
"""Longest key that is compared by its head alone."""


@njit(cache=True, nogil=True, forceinline=True)
def walk(buffer, at, end, max_depth, nodes, heads, names, spans, order):  # type: ignore[no-untyped-def]  # noqa: PLR0911, PLR0912 - a grammar branches
    """Note where the values of the tree's nodes are; the position after the record, or -1.

    Args:
        at: the record's opening bracket.
        spans: (nodes, 2), begin and end of each value, -1 where there is none; of an object that is walked into, its
            begin alone.
    """
    failed = np.int64(-1)
    depth, node, position = 0, np.int64(0), 0
    at = skip_space(buffer, at + 1, end)
    if at < end and buffer[at] == 0x7D:
        return np.int64(at + 1)
    while True:
        # a key
        if at >= end or buffer[at] != 0x22:
            return failed
        child = order[position]
        if child >= 0 and nodes[child, PARENT] == node and _is_key(buffer, at + 1, end, child, nodes, heads):
            close = at + 1 + nodes[child, SIZE]
        else:
            close, escaped = string_end(buffer, at + 1, end)
            if close < 0 or escaped:
                return failed
            child = _child(buffer, at + 1, close, node, nodes, heads, names)
            order[position] = child
        position = (position + 1) & (ORDER - 1)
        at = skip_colon(buffer, close + 1, end)
        if at < 0 or at >= end:
            return failed
        # its value
        if child >= 0:
            if nodes[child, ASIDE] != 0 or spans[child, 0] >= 0:
                return failed
            spans[child, 0] = at
            if nodes[child, COUNT] != 0 and buffer[at] == 0x7B and depth + 2 <= max_depth:
                begin = skip_space(buffer, at + 1, end)
                if begin < end and buffer[begin] != 0x7D:
                    depth += 1
                    node = child
                    at = begin
                    continue
        begin = at
        if buffer[at] == 0x22:
            at, _ = string_end(buffer, at + 1, end)
            at += at >= 0
        else:
            at = skip_value(buffer, at, end, max_depth - 1 - depth)
            if at - begin > _LONGEST_SKIPPED:
                return failed
        if at < 0:
            return failed
        if child >= 0:
            spans[child, 1] = at
        # a comma, or the end of objects
        while True:
            at = skip_space(buffer, at, end)
            if at >= end:
                return failed
            if buffer[at] == 0x2C:
                at = skip_space(buffer, at + 1, end)
                break
            if buffer[at] != 0x7D:
                return failed
            at += 1
            if depth == 0:
                return np.int64(at)
            depth -= 1
            node = nodes[node, PARENT]


@njit(cache=True, nogil=True, forceinline=True)
def _is_key(buffer, start, end, node, nodes, heads):  # type: ignore[no-untyped-def]
    """Whether the string whose body begins at ``start`` is this node's key, without looking for its end.

    False also for keys of more than 24 bytes, and if fewer than 25 bytes are left of the record.
    """
    size = nodes[node, SIZE]
    if start + HEAD_BYTES >= end or size > HEAD_BYTES:
        return False
    return (
        (word(buffer, start) & heads[node, MASK]) == heads[node, FIRST]
        and buffer[np.uint64(start + size)] == 0x22
        and (word(buffer, start + 8) & heads[node, MASK + 1]) == heads[node, FIRST + 1]
        and (word(buffer, start + 16) & heads[node, MASK + 2]) == heads[node, FIRST + 2]
    )


@njit(cache=True, nogil=True, forceinline=True)
def _child(buffer, start, close, node, nodes, heads, names):  # type: ignore[no-untyped-def]
    """The child of a node by its key, ``buffer[start:close]``; -1 if it has none of that name."""
    size = close - start
    first = partial_word(buffer, start, close)
    begin = nodes[node, CHILDREN]
    for child in range(begin, begin + nodes[node, COUNT]):
        if heads[child, FIRST] == first and nodes[child, SIZE] == size:
            name = nodes[child, NAME]
            if size <= 8 or same(buffer, start + 8, close, names, name + 8):
                return np.int64(child)
    return np.int64(-1)


@njit(cache=True, nogil=True)
def same(buffer, start, close, names, name):  # type: ignore[no-untyped-def]
    for i in range(close - start):  # noqa: SIM110 - compiled code has no generators
        if buffer[start + i] != names[name + i]:
            return False
    return True
