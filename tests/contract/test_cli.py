"""The command line from outside: help, examples, exit codes, and what goes to which stream; in real processes."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import jsonschema
import pytest

from monitor import __version__
from monitor.cli import COMMANDS, main
from monitor.cli.options import Exit, database_from, settings_from
from monitor.errors import SettingsError
from tests.contract.test_docs import AFTER_COMMAND, wrong_in_click

PROGRAM = [sys.executable, "-m", "monitor"]
ROOT = Path(__file__).resolve().parents[2]
MINIMAL = "source:\n  files: {paths: events.jsonl}\nbudget: {pages: 1}\n"


def driftline(
    *arguments: str, cwd: Path, env: dict[str, str] | None = None, code: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command (or `code` in its place) in `cwd`, with none of our variables but those in `env`."""
    clean = {name: value for name, value in os.environ.items() if not name.upper().startswith("DRIFTLINE")}
    program = PROGRAM if code is None else [sys.executable, "-c", code]
    return subprocess.run(
        [*program, *arguments],
        cwd=cwd,
        env=clean | {"PYTHONPATH": str(ROOT)} | (env or {}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command and group below `driftline`, with its path."""

    def below(command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Command]]:
        yield context.command_path, command
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                assert found is not None
                yield from below(found, click.Context(found, info_name=name, parent=context))

    yield from below(main, click.Context(main, info_name="driftline"))


ALL = dict(commands())
LEAVES = {path: command for path, command in ALL.items() if not isinstance(command, click.Group)}


def test_the_menu_is_what_we_promise() -> None:
    menu = "run, count, judge, serve, login, token, demo, try, backtest, baseline, streams, evals, incidents, "
    menu += "timeline, playbooks, measures, actions, drill, audit, silences, oncall, controls, findings, grafana, "
    menu += "config, db, formats, schema"
    assert list(COMMANDS) == menu.split(", ")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_menu_loads_under_its_name(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name


@pytest.mark.parametrize("path", ALL)
def test_every_command_says_what_it_does(path: str) -> None:
    assert ALL[path].help
    assert path in ALL[path].get_usage(click.Context(ALL[path], info_name=path))


@pytest.mark.parametrize("path", LEAVES)
def test_every_command_has_an_example_that_it_would_take(path: str) -> None:
    example = (LEAVES[path].epilog or "").removeprefix("Example: ")
    assert example.startswith(path), f"the epilog of {path} is no example of it: {example!r}"
    words = shlex.split(example)
    end = next((i for i, word in enumerate(words) if word in AFTER_COMMAND), len(words))
    assert wrong_in_click(main, words[1:end]) is None


def test_the_example_is_shown_by_help(tmp_path: Path) -> None:
    done = driftline("config", "check", "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Example: driftline config check" in done.stdout


def test_help_and_version_load_no_heavy_library(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom monitor.cli import main\n"
        "try: main(sys.argv[1:], prog_name='driftline')\n"
        "finally: print(sorted({'pydantic', 'sqlalchemy', 'numpy', 'numba', 'kafka', 'yaml'} & set(sys.modules)),"
        " file=sys.stderr)"
    )
    for option in ("--help", "--version"):
        done = driftline(option, cwd=tmp_path, code=code)
        assert done.returncode == 0
        assert done.stderr == "[]\n"


def test_the_version_is_the_package_s(tmp_path: Path) -> None:
    assert driftline("--version", cwd=tmp_path).stdout == f"driftline, version {__version__}\n"


@pytest.mark.parametrize("arguments", [["frobnicate"], ["config", "check", "--frob"], ["incidents", "show", "seven"]])
def test_wrong_usage_ends_with_2_and_a_hint(arguments: list[str], tmp_path: Path) -> None:
    done = driftline(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Usage: driftline" in done.stderr


def test_valid_settings_end_with_0_and_are_shown_masked(tmp_path: Path) -> None:
    (tmp_path / "driftline.yaml").write_text(MINIMAL)
    done = driftline(
        "config",
        "check",
        "--json",
        cwd=tmp_path,
        env={"DRIFTLINE__DATABASE": "postgresql://me:s3cret@db/x", "DRIFTLINE__LOG__LEVEL": "debug"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    shown = json.loads(done.stdout)
    assert shown["file"] == "driftline.yaml"
    assert shown["settings"]["database"] == "postgresql://me:***@db/x"
    assert shown["settings"]["ticks"]["length"] == "10s"
    assert shown["given"] == {
        "source.files.paths": "driftline.yaml",
        "budget.pages": "driftline.yaml",
        "database": "DRIFTLINE__DATABASE",
        "log.level": "DRIFTLINE__LOG__LEVEL",
    }


def test_settings_are_shown_as_text_with_their_origin(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(MINIMAL)
    done = driftline("config", "check", cwd=tmp_path, env={"DRIFTLINE_CONFIG": "other.yaml"})
    assert done.returncode == 0
    assert "budget.pages = 1   (other.yaml)\n" in done.stdout
    assert "budget.per = month\n" in done.stdout
    assert "database_file = none\n" in done.stdout
    assert "http.enabled = true\n" in done.stdout


def test_wrong_settings_end_with_2_and_a_line_per_problem(tmp_path: Path) -> None:
    (tmp_path / "driftline.yaml").write_text(MINIMAL + "budjet: 1\nhttp: {port: 70000}\n")
    done = driftline("config", "check", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (Exit.settings, "")
    assert done.stderr.splitlines() == [
        "driftline: driftline.yaml: http.port: 70000: must be a whole number, from 0 to 65,535",
        "driftline: driftline.yaml: budjet: unknown key; did you mean budget?",
    ]


def test_no_settings_end_with_2_and_the_command_that_helps(tmp_path: Path) -> None:
    done = driftline("config", "check", cwd=tmp_path)
    assert done.returncode == Exit.settings
    assert "driftline config example > driftline.yaml" in done.stderr


def test_the_example_is_accepted_by_the_check(tmp_path: Path) -> None:
    example = driftline("config", "example", cwd=tmp_path)
    assert (example.returncode, example.stderr) == (0, "")
    (tmp_path / "driftline.yaml").write_text(example.stdout)
    assert driftline("config", "check", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("name", ["event", "settings"])
def test_schemas_are_json_schemas(name: str, tmp_path: Path) -> None:
    done = driftline("schema", name, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    jsonschema.Draft202012Validator.check_schema(json.loads(done.stdout))


def test_commands_about_the_database_need_no_settings_file(tmp_path: Path) -> None:
    assert driftline("db", "upgrade", cwd=tmp_path).returncode == 0
    assert (tmp_path / "driftline.db").exists()
    done = driftline("incidents", "list", "--json", cwd=tmp_path)
    assert (done.returncode, json.loads(done.stdout)) == (0, [])


def test_the_database_of_the_command_line_goes_before_that_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "driftline.yaml").write_text(MINIMAL + "database: sqlite:///settings.db\n")
    assert driftline("db", "upgrade", cwd=tmp_path).returncode == 0
    assert [file.name for file in tmp_path.glob("*.db")] == ["settings.db"]
    assert driftline("db", "upgrade", "--database", "sqlite:///option.db", cwd=tmp_path).returncode == 0
    variable = {"DRIFTLINE_DATABASE": "sqlite:///variable.db"}
    assert driftline("db", "upgrade", cwd=tmp_path, env=variable).returncode == 0
    assert {file.name for file in tmp_path.glob("*.db")} == {"settings.db", "option.db", "variable.db"}


def test_what_is_not_there_ends_with_1(tmp_path: Path) -> None:
    assert driftline("db", "upgrade", cwd=tmp_path).returncode == 0
    done = driftline("incidents", "show", "INC-999", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (Exit.failed, "")
    assert done.stderr.startswith("driftline: ")
    assert "Traceback" not in done.stderr


def test_a_database_that_does_not_answer_ends_with_75(tmp_path: Path) -> None:
    with socket.socket() as nobody:  # bound, but not listening: refuses for as long as we hold it
        nobody.bind(("127.0.0.1", 0))
        url = f"postgresql://me:s3cret@127.0.0.1:{nobody.getsockname()[1]}/driftline"
        done = driftline("incidents", "list", "--database", url, cwd=tmp_path)
    assert done.returncode == Exit.try_again
    assert done.stderr.startswith("driftline: ")
    assert "s3cret" not in done.stderr


def test_a_database_url_that_is_none_ends_with_2_and_is_not_repeated(tmp_path: Path) -> None:
    done = driftline("incidents", "list", "--database", "mysql://me:s3cret@db/x", cwd=tmp_path)
    assert done.returncode == Exit.settings
    assert done.stderr == "driftline: --database: must begin with postgresql:// or sqlite://\n"


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run(
            [*PROGRAM, "config", "example"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=write_end,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    finally:
        os.close(write_end)
    assert (done.returncode, done.stderr) == (0, b"")


WAITING = """
import click, signal, time
from monitor.cli.options import errors_to_exit_codes

# A shell without job control starts its background jobs with Ctrl-C ignored, and their children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

@click.command()
@errors_to_exit_codes
def wait() -> None:
    click.echo("ready")
    time.sleep(60)

wait()
"""


def test_ctrl_c_ends_with_130_and_no_traceback() -> None:
    with subprocess.Popen(
        [sys.executable, "-u", "-c", WAITING], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=30)
    assert (child.returncode, errors) == (Exit.interrupted, "")


def test_a_fault_of_ours_keeps_its_traceback(tmp_path: Path) -> None:
    code = (
        "import click\nfrom monitor.cli.options import errors_to_exit_codes\n"
        "@click.command()\n@errors_to_exit_codes\ndef broken(): 1 / 0\nbroken()"
    )
    done = driftline(cwd=tmp_path, code=code)
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr


def test_run_without_settings_ends_with_2(tmp_path: Path) -> None:
    for role in ("run", "count", "judge"):
        done = driftline(role, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (Exit.settings, "")
        assert "no such file" in done.stderr


def test_the_database_option_replaces_a_database_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("driftline.yaml").write_text(MINIMAL + "database_file: gone.txt\n")
    with pytest.raises(SettingsError, match=r"gone\.txt"):
        database_from(config=None, database=None)
    assert database_from(config=None, database="sqlite:///x.db") == "sqlite:///x.db"
    assert settings_from(None, database="sqlite:///x.db").open_database_url({}) == "sqlite:///x.db"
    with pytest.raises(SettingsError, match="--database: database: must be postgresql"):
        settings_from(None, database="mysql://db/x")
    Path("driftline.yaml").unlink()
    with pytest.raises(SettingsError, match="no such file"):
        settings_from(None, database="sqlite:///x.db")


def test_evals_are_recorded_approved_compared_and_a_regression_has_its_exit_code(tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text(
        "suite,metric,slice,n,k\nadvbench,harmful,en,500,10\nadvbench,harmful,de,400,9\n"
    )
    bad = {"suite": "advbench", "metric": "harmful", "slice": "en", "n": 500, "k": 90}
    (tmp_path / "bad.jsonl").write_text(json.dumps(bad) + "\n")

    def evals(*arguments: str) -> subprocess.CompletedProcess[str]:
        return driftline("evals", *arguments, cwd=tmp_path)

    first = evals("record", "good.csv", "--model", "assistant", "--version", "1", "--json")
    assert (first.returncode, json.loads(first.stdout)["comparison"]) == (0, None)
    assert evals("approve", "1", "--as", "ben").returncode == 0
    second = evals("record", "bad.jsonl", "--model", "assistant", "--version", "2", "--json")
    assert second.returncode == Exit.regressed
    told = json.loads(second.stdout)
    assert [verdict["outcome"] for verdict in told["comparison"]["verdicts"]] == ["regressed"]
    assert told["incidents"] == [1]
    assert "advbench" in driftline("incidents", "show", "1", cwd=tmp_path).stdout
    shown = evals("show", "--model", "assistant")
    assert "2: assistant 2" in shown.stdout
    assert "regressed" in shown.stdout
    wrong = evals("record", "bad.jsonl", "--version", "2")
    assert (wrong.returncode, wrong.stderr) == (
        Exit.failed,
        "driftline: model: no row names it; add a model column or --model\n",
    )
