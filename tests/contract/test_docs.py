"""What the README files name exists: commands, their options, files, links; and the change log's version is ours."""

from __future__ import annotations

import doctest
import importlib
import os
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_OURS = {"build", "dist", "node_modules"}

FENCE = re.compile(r"^\s*(```|~~~)")
COMMAND = re.compile(r"^\s*(?:\$ )?(?:[A-Z_]+=\S* )*((?:driftline|(?:\./)?deploy/[\w.-]+)(?: .*)?)$")
AFTER_COMMAND = {"|", "||", "&&", "&", ";", ">", ">>", "<", "2>", "2>&1"}
CODE_SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(r"[\w.*-]+(?:/[\w.*-]+)*/?")
OUR_SUFFIXES = {".py", ".md", ".sh", ".toml"}  # a bare name that ends so is one of our files
VERSION_HEADING = re.compile(r"^##\s+\[?v?(\d+\.\d+\.\d+[^\]\s]*)", re.MULTILINE)


def readmes() -> list[Path]:
    """Every README.md of the project, without hidden folders such as the environment."""
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in NOT_OURS]
        found += [Path(folder) / name for name in files if name == "README.md"]
    return sorted(found)


def split_fences(text: str) -> tuple[list[str], list[str]]:
    """Lines inside fenced code blocks, with continued lines joined, and the lines outside."""
    inside: list[str] = []
    outside: list[str] = []
    fenced = False
    for line in text.splitlines():
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            outside.append(line)
        elif inside and inside[-1].endswith("\\"):
            inside[-1] = inside[-1][:-1] + line.strip()
        else:
            inside.append(line)
    return inside, outside


def commands_in(text: str) -> list[list[str]]:
    """The words of every command line of ours in fenced code blocks, up to a pipe, a redirection or a comment."""
    found = []
    for line in split_fences(text)[0]:
        named = COMMAND.match(line)
        if named is None:
            continue
        words = shlex.split(named[1], comments=True)
        end = next((i for i, word in enumerate(words) if word in AFTER_COMMAND), len(words))
        found.append(words[:end])
    return found


def wrong_in_click(command: click.Command, words: list[str]) -> str | None:
    """Why `words`, the arguments after the program's name, name something that `command` does not have."""
    context = click.Context(command, info_name="driftline")
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return None
        if word.startswith("-") and word != "-":
            name = word.split("=")[0] if word.startswith("--") else word[:2]
            options = [p for p in context.command.get_params(context) if isinstance(p, click.Option)]
            option = next((o for o in options if name in (*o.opts, *o.secondary_opts)), None)
            if option is None:
                return f"{context.command_path} has no option {name}"
            takes_next = not option.is_flag and not option.count and word == name
            del rest[: option.nargs if takes_next else 0]
        elif isinstance(context.command, click.Group):
            below = context.command.get_command(context, word)
            if below is None:
                return f"{context.command_path} has no command {word!r}"
            context = click.Context(below, info_name=word, parent=context)
    return None


def wrong_in_script(words: list[str]) -> str | None:
    """Why a command line of a script in deploy/ names something that the script's --help does not."""
    script = ROOT / words[0]
    if not (script.is_file() and os.access(script, os.X_OK)):
        return f"{words[0]} is not an executable file"
    options = {word.split("=")[0] for word in words[1:] if word.startswith("-")}
    if not options:
        return None
    done = subprocess.run(
        [script, "--help"], capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
    )
    unknown = sorted(options - set(re.findall(r"(?<!\S)--?[\w-]+", done.stdout)) - {"--help"})
    if done.returncode != 0 or unknown:
        return f"{words[0]} --help (status {done.returncode}) does not name {unknown}"
    return None


def paths_in_tables(text: str) -> Iterator[str]:
    """Code spans in table rows that can only be paths of this project."""
    for line in split_fences(text)[1]:
        if not line.lstrip().startswith("|"):
            continue
        for span in CODE_SPAN.findall(line):
            if not PATH.fullmatch(span) or span.startswith("/"):
                continue
            first = span.split("/")[0]
            if ("/" in span and (ROOT / first).is_dir()) or Path(span).suffix in OUR_SUFFIXES:
                yield span


def links_in(text: str) -> Iterator[str]:
    """Targets of relative links, without anchors."""
    for target in LINK.findall("\n".join(split_fences(text)[1])):
        path = target.split("#")[0]
        if path and not re.match(r"[a-z]+:", path):
            yield path


def exists(path: str, *bases: Path) -> bool:
    return any(next(base.glob(path.rstrip("/")), None) is not None for base in bases)


def name_of(readme: Path) -> str:
    return str(readme.relative_to(ROOT))


@pytest.fixture(scope="module")
def driftline() -> click.Command:
    """The command line, as monitor.cli declares it."""
    main = importlib.import_module("monitor.cli").main
    assert isinstance(main, click.Command), f"monitor.cli:main is a {type(main).__name__}, not a click command"
    return main


@pytest.mark.parametrize("readme", readmes(), ids=name_of)
def test_every_command_in_a_readme_exists_with_its_options(readme: Path, request: pytest.FixtureRequest) -> None:
    wrong = []
    for words in commands_in(readme.read_text(encoding="utf-8")):
        if words[0] == "driftline":
            complaint = wrong_in_click(request.getfixturevalue("driftline"), words[1:])
        else:
            complaint = wrong_in_script(words)
        if complaint:
            wrong.append(f"{shlex.join(words)}: {complaint}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("readme", readmes(), ids=name_of)
def test_every_path_in_a_readme_exists(readme: Path) -> None:
    text = readme.read_text(encoding="utf-8")
    missing = [path for path in paths_in_tables(text) if not exists(path, readme.parent, ROOT)]
    missing += [path for path in links_in(text) if not (readme.parent / path).exists()]
    assert not missing, f"named, but not there: {missing}"


def test_the_project_has_a_readme_with_commands() -> None:
    assert commands_in((ROOT / "README.md").read_text(encoding="utf-8"))


def test_the_newest_version_in_the_change_log_is_the_project_s() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    newest = VERSION_HEADING.search((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert newest is not None, "CHANGELOG.md has no heading like '## 0.1.0'"
    assert newest[1] == project["version"]


@click.group()
@click.option("--config")
def sample() -> None:
    """A command line to try the checks above on."""


@sample.command()
@click.argument("file")
@click.option("--speed", "-s", type=float)
@click.option("--json/--no-json")
def replay(file: str, speed: float, json: bool) -> None:
    """Replay a file."""


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("driftline", None),
        ("driftline --config my.yaml replay log.jsonl --speed 60 --json", None),
        ("driftline replay -s60 --no-json log.jsonl | head -n 3", None),
        ("driftline replay --help  # explains", None),
        ("driftline repaly log.jsonl", "driftline has no command 'repaly'"),
        ("driftline replay log.jsonl --sped=60", "driftline replay has no option --sped"),
        ("driftline replay log.jsonl --config my.yaml", "driftline replay has no option --config"),
        ("$ SPEED=1 driftline replay \\\n  --fast log.jsonl", "driftline replay has no option --fast"),
    ],
)
def test_a_command_line_that_would_fail_is_noticed(line: str, complaint: str | None) -> None:
    (words,) = commands_in(f"```\n{line}\n```")
    assert wrong_in_click(sample, words[1:]) == complaint


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("deploy/test -k servers", None),
        ("deploy/test --speed", "deploy/test --help (status 0) does not name ['--speed']"),
        ("deploy/tset", "deploy/tset is not an executable file"),
    ],
)
def test_a_script_that_would_fail_is_noticed(line: str, complaint: str | None) -> None:
    assert wrong_in_script(commands_in(f"```\n{line}\n```")[0]) == complaint


def test_only_paths_of_ours_are_taken_from_tables() -> None:
    table = "| `monitor/cli` | `application/json` | `settings.yaml` | `/metrics` | `errors.py` | `tests/gone/` |"
    assert list(paths_in_tables(table)) == ["monitor/cli", "errors.py", "tests/gone/"]
    assert not exists("tests/gone/", ROOT)
    assert list(links_in("[a](b.md#c) [d](https://e) [f](#g)")) == ["b.md"]


@pytest.mark.parametrize("readme", readmes(), ids=name_of)
def test_examples_with_answers_give_these_answers(readme: Path) -> None:
    result = doctest.testfile(str(readme), module_relative=False)
    assert result.failed == 0
    assert result.attempted > 0 or ">>> " not in readme.read_text(encoding="utf-8")
