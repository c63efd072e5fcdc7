"""One grammar for all commands: the same names for the same things, JSON everywhere, exit codes as documented."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from monitor.cli import main
from monitor.cli.options import Exit
from tests.contract.test_cli import LEAVES

README = (Path(__file__).resolve().parents[2] / "monitor/cli/README.md").read_text(encoding="utf-8")
DOCUMENTS = {
    "driftline config example",
    "driftline incidents report",
    "driftline playbooks check",
    "driftline playbooks export",
    "driftline schema event",
    "driftline schema settings",
    "driftline timeline export",
}
"""Commands whose output is a document in a format of its own, or nothing."""
SYNONYMS = {
    "--as": {"--by", "--actor", "--user", "--who", "--author", "--name"},
    "--reason": {"--why", "--because", "--comment", "--message", "--note", "--text"},
    "--json": {"--output", "--as-json", "-o"},
    "--config": {"--settings", "--file"},
    "--database": {"--db", "--url", "--store"},
    "--limit": {"--max", "--count", "-n", "--number"},
    "--since": {"--after"},
    "--until": {"--before", "--end"},
}
TIMES = {"--at", "--since", "--until", "--from", "--to", "--begin", "--due"}
OTHER_TIMES = {("driftline try", "--since")}
"""Of a log whose times may lack a zone."""


def options(path: str) -> dict[str, click.Option]:
    return {name: each for each in LEAVES[path].params if isinstance(each, click.Option) for name in each.opts}


@pytest.mark.parametrize("path", sorted(set(LEAVES) - DOCUMENTS))
def test_every_command_prints_json_where_it_is_asked_to(path: str) -> None:
    assert "--json" in options(path)


def test_the_exceptions_exist() -> None:
    assert set(LEAVES) >= DOCUMENTS


@pytest.mark.parametrize("path", sorted(LEAVES))
def test_a_thing_has_one_name(path: str) -> None:
    given = set(options(path))
    assert {good: given & bad for good, bad in SYNONYMS.items() if given & bad} == {}


@pytest.mark.parametrize("path", sorted(LEAVES))
def test_who_why_and_when_look_the_same(path: str) -> None:
    for name, option in options(path).items():
        if name == "--as":
            assert option.metavar == "NAME"
        if name == "--reason":
            assert option.metavar == "TEXT"
        if name in TIMES and (path, name) not in OTHER_TIMES:
            assert option.metavar == "TIME", name
        if name in ("--config", "-c"):
            assert set(option.opts) == {"-c", "--config"}


def test_the_exit_codes_are_those_of_the_readme() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \| ", README, re.MULTILINE)}
    assert listed == {0, *Exit}


@pytest.mark.parametrize(
    ("arguments", "code", "kind"),
    [
        (["incidents", "ack", "INC-9", "--as", "ann", "--database", "sqlite:///{}/none.db"], 1, "NotFound"),
        (["incidents", "list", "--database", "mysql://x"], 2, "SettingsError"),
        (["config", "check", "-c", "{}/none.yaml"], 2, "SettingsError"),
    ],
)
def test_an_error_is_json_where_json_was_asked_for(
    tmp_path: Path, arguments: list[str], code: int, kind: str
) -> None:
    result = CliRunner().invoke(main, [*(each.format(tmp_path) for each in arguments), "--json"])
    assert result.exit_code == code
    assert result.stdout == ""
    error = json.loads(result.stderr)["error"]
    assert (error["kind"], error["exit_code"]) == (kind, code)
    assert error["message"]
