"""Every setting is described, and the example and the JSON Schema say what the loader does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from monitor.settings import load_settings
from monitor.settings.catalogue import Row, rows
from monitor.settings.document import example, json_schema
from monitor.settings.yaml_file import parse_yaml

LEAVES = [row for row in rows() if row.allowed]


def uncommented() -> Any:
    """The example with every setting set, though some exclude each other."""
    return parse_yaml("\n".join(line.removeprefix("#") for line in example().splitlines()))


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.path)
def test_every_setting_says_what_it_does(row: Row) -> None:
    assert row.meaning


@pytest.mark.parametrize("row", LEAVES, ids=lambda row: row.path)
def test_every_setting_says_its_range_and_has_a_value_to_show(row: Row) -> None:
    assert row.example is not None
    if re.search("number|bytes|duration", row.allowed) and row.path != "dead_letter.topic":
        assert re.search(r"from .+ to |more than .+ at most ", row.allowed)
    if row.allowed.startswith("a number"):
        assert row.unit


def test_the_example_is_a_settings_file(tmp_path: Path) -> None:
    file = tmp_path / "driftline.yaml"
    file.write_text(example())
    settings = load_settings(file, env={})
    file.write_text("source: {kafka: {servers: 127.0.0.1:9092, topics: [guardrail-events]}}\nbudget: {pages: 1}\n")
    assert settings == load_settings(file, env={})


def test_the_example_names_every_setting_with_a_value_that_is_accepted(tmp_path: Path) -> None:
    tree = uncommented()
    named = set()

    def walk(node: Any, path: str) -> None:
        if isinstance(node, dict) and path not in {row.path for row in LEAVES}:
            for key, value in node.items():
                walk(value, f"{path}.{key}" if path else key)
        elif isinstance(node, list) and node and isinstance(node[0], dict):
            for item in node:
                walk(item, f"{path}[{item['type']}]")
        else:
            named.add(path)

    walk(tree, "")
    assert named == {row.path for row in LEAVES}
    # Of what excludes each other, one goes.
    del tree["source"]["files"], tree["database_file"], tree["dead_letter"]["file"]
    del tree["source"]["kafka"]["sasl"]["password_env"], tree["privacy"]["key_env"]
    del tree["source"]["schema_registry"]["password_env"], tree["source"]["kafka"]["sasl"]["token_file"]
    for secret in (tree["grafana"], tree["grafana"]["database"], tree["grafana"]["contact_point"]):
        for name in [name for name in secret if name.endswith("_env")]:
            del secret[name]
    for channel in tree["alerts"]["channels"][1:]:
        del channel["secret_env"]
        channel["name"] = channel["type"]
    for signed in (*tree["response"]["measures"].values(), *tree["response"]["inbound"].values()):
        del signed["secret_env"]
    tree["response"]["measures"], tree["response"]["inbound"] = (
        dict.fromkeys(["a-name"], next(iter(tree["response"][each].values()))) for each in ("measures", "inbound")
    )
    tree["source"]["kafka"]["tls"]["enabled"] = True
    file = tmp_path / "all.yaml"
    file.write_text(str(tree))  # a Python literal of plain data is YAML, but for None, True and False
    file.write_text(file.read_text().replace("True", "true").replace("False", "false"))
    load_settings(file, env={})
    jsonschema.validate(tree, json_schema())


def test_the_json_schema_is_one_and_refuses_what_the_loader_refuses() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    tree = {"source": {"files": {"paths": "a.jsonl"}}, "budget": {"pages": 1}}
    jsonschema.validate(tree, schema)
    for wrong in ({"budget": {"pages": 0}}, {"budjet": 1}, {"log": {"level": "loud"}}, {"ticks": {"length": "1 x"}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(tree | wrong, schema)
