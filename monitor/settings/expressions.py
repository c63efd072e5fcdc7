"""Checks of JMESPath expressions that are possible before there is a record."""

from __future__ import annotations

from typing import Any, Final, cast

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions

OWN_FUNCTIONS: Final = ("root", "json", "items")
"""Functions that mappings have beside JMESPath's."""
FUNCTIONS: Final = frozenset({*Functions.FUNCTION_TABLE, *OWN_FUNCTIONS})

Tree = dict[str, Any]
"""A node: ``type``, ``value`` and ``children``."""


def tree_of(text: str) -> Tree:
    """The parsed expression.

    Raises:
        ValueError: it is not JMESPath, or calls a function that there is not.
    """
    try:
        tree = cast(Tree, jmespath.compile(text).parsed)
    except JMESPathError as error:
        raise ValueError(f"is not JMESPath: {str(error).splitlines()[0]}") from None
    unknown = sorted(
        {str(node["value"]) for node in nodes(tree) if node["type"] == "function_expression"} - FUNCTIONS
    )
    if unknown:
        raise ValueError(f"calls {unknown[0][:40]}(), which is no function; there are {', '.join(sorted(FUNCTIONS))}")
    return tree


def nodes(tree: Tree) -> list[Tree]:
    """All nodes."""
    below = [child for child in tree.get("children", []) if isinstance(child, dict)]
    return [tree, *(node for child in below for node in nodes(child))]


def looks_at_record(text: str) -> bool:
    """Whether an expression reads anything; quoted words and literals are constants."""
    return any(node["type"] in ("field", "current") or node.get("value") == "root" for node in nodes(tree_of(text)))
