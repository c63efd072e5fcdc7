"""Every mistake is a file named after it; beside it the environment, if that matters, and the expected message."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.errors import SettingsError
from monitor.settings import load_settings

MISTAKES = sorted((Path(__file__).parent / "mistakes").glob("*.yaml"))
SECRET = "correct-horse"  # the password in those files that have one


def message_of(file: Path) -> str:
    variables = file.with_suffix(".env")
    env = dict(line.split("=", 1) for line in variables.read_text().splitlines()) if variables.exists() else {}
    with pytest.raises(SettingsError) as caught:
        load_settings(file, env=env)
    return str(caught.value).replace(str(file), file.name)


@pytest.mark.parametrize("file", MISTAKES, ids=lambda file: file.stem)
def test_a_mistake_is_told_with_place_value_and_way_out(file: Path) -> None:
    message = message_of(file)
    assert message == file.with_suffix(".txt").read_text().rstrip("\n")
    assert SECRET not in message


def test_every_expected_message_belongs_to_a_mistake() -> None:
    folder = Path(__file__).parent / "mistakes"
    assert MISTAKES
    assert {f.stem for f in folder.iterdir()} == {f.stem for f in MISTAKES}


def test_a_missing_file_is_told_with_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no such file.*driftline config example > .*gone\.yaml"):
        load_settings(tmp_path / "gone.yaml", env={})


def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Is a directory"):
        load_settings(tmp_path, env={})


def test_a_file_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "long.yaml"
    file.write_text("#" * (256 * 1024 + 1))
    with pytest.raises(SettingsError, match="longer than 262144 bytes"):
        load_settings(file, env={})
