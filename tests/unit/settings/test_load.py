"""Loading: defaults, the environment over the file, and values with units."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from monitor.errors import SettingsError
from monitor.settings import Settings, load_settings, read_settings
from monitor.settings.document import in_force, origins
from monitor.settings.values import Duration, masked_database, size_of, size_text
from monitor.settings.yaml_file import parse_yaml

MINIMAL = """
source:
  kafka: {servers: 127.0.0.1:9092, topics: [guardrail-events]}
budget: {pages: 1, per: month}
"""


@pytest.fixture
def minimal(tmp_path: Path) -> Path:
    file = tmp_path / "driftline.yaml"
    file.write_text(MINIMAL)
    return file


def test_source_and_budget_are_enough(minimal: Path) -> None:
    settings = load_settings(minimal, env={})
    assert settings.source.kafka is not None
    assert settings.source.kafka.servers == ("127.0.0.1:9092",)
    assert settings.budget.page_period_s == 30 * 86_400
    assert (settings.ticks.length.ms, settings.ticks.lateness.ms, settings.ticks.ahead.ms) == (10_000, 500, 60_000)
    assert settings.limits.record_bytes == 1 << 20
    assert settings.dead_letter_topic == "guardrail-events.dead"
    assert [channel.name for channel in settings.alerts.channels] == ["log"]


def test_settings_never_change(minimal: Path) -> None:
    settings = load_settings(minimal, env={})
    with pytest.raises(ValidationError, match="frozen"):
        settings.budget.pages = 2


def test_the_default_file_is_in_the_working_directory(minimal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(minimal.parent)
    assert load_settings(env={}).budget.pages == 1


def test_the_environment_alone_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    env = {"DRIFTLINE__SOURCE__FILES__PATHS": "[a.jsonl, b.jsonl]", "DRIFTLINE__BUDGET__PAGES": "0.5"}
    loaded = read_settings(env=env)
    assert loaded.file is None
    assert loaded.settings.source.files is not None
    assert loaded.settings.source.files.paths == (Path("a.jsonl"), Path("b.jsonl"))
    assert loaded.settings.budget.pages == 0.5


def test_the_environment_goes_over_the_file_and_is_named_as_the_origin(minimal: Path) -> None:
    env = {
        "DRIFTLINE__TICKS__LENGTH": "1m",
        "driftline__source__kafka__group": "7",
        "DRIFTLINE__ALERTS__CHANNELS": "[{type: webhook, name: chat, url: 'https://hooks.example.com/s3cret?t=1'}]",
        "DRIFTLINE__ALERTS__CHANNELS__0__NOTICES": "true",
        "DRIFTLINE__DATABASE": "postgresql://me:s3cret #1@db/driftline",
        "OTHER": "x",
    }
    loaded = read_settings(minimal, env=env)
    assert loaded.settings.ticks.length == Duration(60_000)
    assert loaded.settings.open_database_url({}) == "postgresql://me:s3cret #1@db/driftline"
    found = origins(loaded)
    assert found["ticks.length"] == ("1m", "DRIFTLINE__TICKS__LENGTH")
    assert found["ticks.lateness"] == ("500ms", "default")
    assert found["source.kafka.group"] == ("7", "driftline__source__kafka__group")
    assert found["budget.pages"] == (1, str(minimal))
    assert found["budget.notices"] == (1, "default")
    assert found["alerts.channels[0].url"] == ("https://hooks.example.com/***", "DRIFTLINE__ALERTS__CHANNELS")
    assert found["alerts.channels[0].notices"] == (True, "DRIFTLINE__ALERTS__CHANNELS__0__NOTICES")
    assert found["limits.record_bytes"] == ("1MiB", "default")
    assert "s3cret" not in repr(loaded.settings)
    assert "s3cret" not in str(in_force(loaded))


def test_values_given_by_name_are_the_origin_even_where_they_equal_the_default(tmp_path: Path) -> None:
    file = tmp_path / "d.yaml"
    file.write_text(MINIMAL + "ticks: {length: 10s}\n")
    assert origins(read_settings(file, env={}))["ticks.length"] == ("10s", str(file))


def test_secrets_are_read_from_where_the_settings_say(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("postgresql://me:pw@db/x\nsecond line\n")
    file = tmp_path / "d.yaml"
    file.write_text(
        MINIMAL
        + f"database_file: {secret}\nprivacy: {{key_env: KEY}}\n"
        + f"alerts: {{channels: [{{type: webhook, name: a, url: 'https://a.example', secret_file: {secret}}}]}}\n"
    )
    settings = load_settings(file, env={})
    assert settings.open_database_url({}) == "postgresql://me:pw@db/x"
    assert settings.privacy.key is not None
    assert settings.privacy.key.read({"KEY": " 0123 "}) == "0123"
    with pytest.raises(SettingsError, match="environment variable KEY: is not set"):
        settings.privacy.key.read({})
    secret.write_text("mysql://pw@db\n")
    with pytest.raises(SettingsError, match="must begin with postgresql:// or sqlite://") as caught:
        settings.open_database_url({})
    assert "pw" not in str(caught.value)
    secret.write_bytes(b"\xff\n")
    with pytest.raises(SettingsError, match="not UTF-8"):
        settings.open_database_url({})
    secret.unlink()
    with pytest.raises(SettingsError, match="No such file"):
        settings.open_database_url({})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("off", "off"),
        ("yes", "yes"),
        ("010", 10),
        ("1:30", "1:30"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("2026-01-01", "2026-01-01"),
        ("true", True),
        ("~", None),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-3", -3),
        ("'3'", "3"),
        ("<<", "<<"),
    ],
)
def test_words_are_read_as_yaml_1_2(text: str, value: object) -> None:
    found = parse_yaml(text)
    assert found == value
    assert type(found) is type(value)


@given(st.text())
def test_any_text_is_yaml_or_told_to_be_none(text: str) -> None:
    with contextlib.suppress(SettingsError):
        parse_yaml(text)


@given(st.integers(min_value=0, max_value=10**12))
def test_a_duration_reads_what_it_writes(milliseconds: int) -> None:
    assert Duration.parse(str(Duration(milliseconds))) == Duration(milliseconds)


@given(st.integers(min_value=0, max_value=10**15 - 1))
def test_a_size_reads_what_it_writes(size: int) -> None:
    assert size_of(size_text(size)) == size


@pytest.mark.parametrize(
    ("written", "milliseconds"),
    [("500ms", 500), ("10s", 10_000), ("1.5h", 5_400_000), (30, 30_000), (0.25, 250), ("7 d", 604_800_000), (0, 0)],
)
def test_durations_are_written_with_a_unit_or_in_seconds(written: object, milliseconds: int) -> None:
    assert Duration.parse(written).ms == milliseconds


@pytest.mark.parametrize("written", ["", "10", "10 min", "-1s", "1e3s", "٣s", True, None, [], -0.1, 1e300, "1.0001s"])
def test_other_durations_are_refused(written: object) -> None:
    with pytest.raises(ValueError, match=r"must be a duration|finer than a millisecond"):
        Duration.parse(written)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:pw@db:5432/x?sslmode=require", "postgresql://me:***@db:5432/x?sslmode=require"),
        ("postgresql://me:p@/?w@db/x", "postgresql://me:***@db/x"),
        ("postgresql://db/x?user=me&password=pw&a=b", "postgresql://db/x?user=me&password=***&a=b"),
        ("postgresql://me@db/x", "postgresql://me@db/x"),
        ("sqlite:///driftline.db", "sqlite:///driftline.db"),
        ("pw", "***"),
    ],
)
def test_a_database_is_shown_without_its_password(url: str, shown: str) -> None:
    assert masked_database(url) == shown


def test_the_model_can_be_built_in_code() -> None:
    settings = Settings.model_validate({"source": {"files": {"paths": "a.jsonl"}}, "budget": {"pages": 1}})
    assert settings.dead_letter_topic is None
