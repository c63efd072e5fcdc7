"""The expressions of a mapping: JMESPath (https://jmespath.org/specification.html) with three functions more.

``root()`` is the whole record, where an expression is evaluated on one element of it; ``json(text)`` is the JSON that
a text holds, null if it holds none; ``items(object)`` is an array of its ``{key, value}`` pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions, signature
from jmespath.parser import ParsedResult

from monitor.events.formats.parse import parsed_text
from monitor.events.reasons import Reason, Rejection
from monitor.settings.expressions import Tree, tree_of

MAX_DEPTH: Final = 64
FAULTS: Final = (JMESPathError, ValueError, TypeError, ArithmeticError, AttributeError, LookupError, RecursionError)
"""Errors that JMESPath raises on values that an expression did not expect; its messages quote the values."""
_DECIDES: Final = frozenset(
    {"or_expression", "and_expression", "not_expression", "comparator", "function_expression"}
)
_LISTS: Final = frozenset({"multi_select_list", "multi_select_dict", "key_val_pair"})
_CONSTANT: Final = frozenset({"literal", "expref"})


class _Functions(Functions):
    """JMESPath's functions and ours; ``record`` is what ``root()`` gives."""

    record: Any = None

    @signature()
    def _func_root(self) -> Any:
        return self.record

    @signature({"types": []})
    def _func_json(self, text: Any) -> Any:
        return parsed_text(text, max_depth=MAX_DEPTH)

    @signature({"types": ["object", "null"]})
    def _func_items(self, value: Any) -> Any:
        return None if value is None else [{"key": key, "value": one} for key, one in value.items()]


class Scope:
    """The common part of the expressions of one mapping: their functions and the record that they read."""

    def __init__(self) -> None:
        self._functions = _Functions()
        self.options = jmespath.Options(custom_functions=self._functions)

    def enter(self, record: Any) -> None:
        """From now on ``root()`` is this record."""
        self._functions.record = record


class Expression:
    """One compiled expression.

    Attributes:
        constant: it looks at nothing in the record.

    Raises:
        ValueError: it is not JMESPath, or calls a function that there is not.
    """

    def __init__(self, name: str, text: str, scope: Scope) -> None:
        self._name = name
        self._scope = scope
        tree = _tree(name, text)
        self._compiled = ParsedResult(text, cast(Any, tree))
        self._looks_at = [ParsedResult("", cast(Any, node)) for node in _paths(tree)]
        self._keys = plain_path(tree)
        self._needs = plain_path(tree["children"][0]) if _asks_for_presence(tree) else self._keys
        self.constant = not self._looks_at
        self._value = self._compiled.search(None, scope.options) if tree["type"] == "literal" else None

    def __call__(self, record: Any) -> Any:
        """The value of the expression.

        Raises:
            Rejection: it cannot be evaluated on this record.
        """
        if self._keys is not None:
            return _at(record, self._keys)
        if self._value is not None:
            return self._value
        try:
            return self._compiled.search(record, self._scope.options)
        except FAULTS:
            raise Rejection(Reason.wrong_type, f"mapping.{self._name} cannot be evaluated on this record") from None

    def finds(self, record: Any) -> bool:
        """Whether any of the fields that it looks at is in the record and not null."""
        if self._keys is not None:
            return _at(record, self._keys) is not None
        try:
            return any(path.search(record, self._scope.options) is not None for path in self._looks_at)
        except FAULTS:
            return False

    def holds(self, record: Any) -> bool:
        """Whether it gives what JMESPath takes for true; a record that it cannot be evaluated on is none of its."""
        if self._needs is not None:
            found = _at(record, self._needs)
            return found is not None if self._keys is None else _is_true(found)
        try:
            return _is_true(self._compiled.search(record, self._scope.options))
        except FAULTS:
            return False


def _is_true(value: Any) -> bool:
    """Truth as in JMESPath: null, false and empty values are false; 0 is true."""
    return value is not None and value is not False and value not in ("", [], {})


def _at(record: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        if not isinstance(record, dict):
            return None
        record = record.get(key)
    return record


def plain_path(tree: Tree) -> tuple[str, ...] | None:
    """The keys of an expression that is nothing but keys and dots: these are looked up without an interpreter."""
    if tree["type"] == "field":
        return (tree["value"],)
    if tree["type"] != "subexpression":
        return None
    keys: tuple[str, ...] = ()
    for child in tree["children"]:
        below = plain_path(child)
        if below is None:
            return None
        keys += below
    return keys


def _asks_for_presence(tree: Tree) -> bool:
    """Whether it is ``a.path != `null```, which is what most conditions are."""
    if tree["type"] != "comparator" or tree["value"] != "ne":
        return False
    other = tree["children"][1]
    return bool(other["type"] == "literal" and other["value"] is None)


def _tree(name: str, text: str) -> Tree:
    try:
        return tree_of(text)
    except ValueError as error:
        raise ValueError(f"mapping.{name} {error}") from None


def _paths(node: Tree) -> Iterator[Tree]:
    """The largest parts of an expression that only select: what it decides by, without the words it decides for."""
    kind, children = node["type"], node.get("children", [])
    if kind in _CONSTANT:
        return
    if kind == "function_expression" and not children:
        yield node  # root()
    elif kind in _DECIDES or kind in _LISTS:
        for child in children:
            yield from _paths(child)
    elif kind == "pipe":
        yield from _paths(children[0])
    else:
        yield node
