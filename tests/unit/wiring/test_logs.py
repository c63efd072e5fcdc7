"""Log lines: JSON or text, UTC, no secrets, one entry per line."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from monitor.wiring.logs import MAX_VALUE, set_up_logs


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Logging is the process's own: leave it as it was."""
    root = logging.getLogger()
    handlers, level, ours = list(root.handlers), root.level, logging.getLogger("driftline").level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("driftline").setLevel(ours)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def logger() -> Any:
    return structlog.stdlib.get_logger("driftline.test")


def lines(form: str, *, level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    set_up_logs(level=level, form=form, stream=stream)
    return stream


def entries(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_json_line_has_time_level_logger_and_values() -> None:
    out = lines("json")
    before = datetime.now(UTC)
    logger().info("partition assigned", partition="events-3", offset=1200, lag=None, share=0.5)
    (entry,) = entries(out)
    assert before <= datetime.fromisoformat(entry.pop("time")) <= datetime.now(UTC)
    assert entry == {
        "event": "partition assigned",
        "level": "info",
        "logger": "driftline.test",
        "partition": "events-3",
        "offset": 1200,
        "lag": None,
        "share": 0.5,
    }


def test_a_console_line_is_plain_text_where_nobody_looks() -> None:
    out = lines("console")
    logger().warning("late", partition="events-3")
    assert "late" in out.getvalue()
    assert "partition=events-3" in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_libraries_speak_up_from_warning_on_whatever_our_level_is() -> None:
    out = lines("json", level="debug")
    logger().debug("ours")
    logging.getLogger("kafka.consumer").info("chatter")
    logging.getLogger("kafka.consumer").warning("node %s is gone", 7)
    assert [(entry["logger"], entry["event"]) for entry in entries(out)] == [
        ("driftline.test", "ours"),
        ("kafka.consumer", "node 7 is gone"),
    ]


def test_our_level_hides_what_is_below_it() -> None:
    out = lines("json", level="warning")
    logger().info("hidden")
    logger().error("shown")
    assert [entry["event"] for entry in entries(out)] == ["shown"]


def test_python_warnings_become_log_lines() -> None:
    out = lines("json")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old ways", stacklevel=1)
    assert "old ways" in entries(out)[0]["event"]


@pytest.mark.parametrize("form", ["json", "console"])
def test_secrets_are_masked_wherever_they_are(form: str) -> None:
    out = lines(form)
    secret = "s3cret-horse"
    logger().info(
        f"connecting to postgresql://me:{secret}@db/x",
        password=secret,
        sasl_plain_password=secret,
        webhook_secret=secret,
        Authorization=secret,
        api_key=secret,
        settings={"token": secret, "urls": [f"https://me:{secret}@example.com/"]},
        header=f"Bearer {secret}",
    )
    logging.getLogger("kafka").error("login with %s failed", {"password": secret, "url": f"x://u:{secret}@h"})
    try:
        raise ValueError(f"bad URL postgresql://me:{secret}@db/x")
    except ValueError:
        logger().exception("broke")
    text = out.getvalue()
    assert secret not in text
    assert "postgresql://me:***@db/x" in text


def test_keys_that_only_sound_alike_are_kept() -> None:
    out = lines("json")
    logger().info("x", dedup_key="INC-1", monkey="m", passed=3)
    entry = entries(out)[0]
    assert (entry["dedup_key"], entry["monkey"], entry["passed"]) == ("INC-1", "m", 3)


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_value_cannot_forge_an_entry_or_colour_the_terminal(form: str) -> None:
    out = lines(form)
    logger().info("topic\nforged [error]", topic="a\r\nforged\x1b[31m\u2028x", bad=["b\nforged"])
    logging.getLogger("kafka").warning("broker says %s", "x\nforged\n")
    assert len(out.getvalue().splitlines()) == 2
    try:
        raise ValueError("x\nforged\x1b[31m")
    except ValueError:
        logger().exception("broke")
    assert "\x1b" not in out.getvalue()
    assert not any(line.startswith("forged") for line in out.getvalue().splitlines())


def test_a_long_value_is_cut() -> None:
    out = lines("json")
    logger().info("record", value="x" * 100_000)
    value = entries(out)[0]["value"]
    assert len(value) < MAX_VALUE + 50
    assert value.endswith("(100000 characters)")


def test_an_exception_keeps_its_lines() -> None:
    out = lines("json")
    try:
        raise RuntimeError("boom")
    except RuntimeError:
        logger().exception("broke")
    assert entries(out)[0]["exception"].splitlines()[-1].strip() == "RuntimeError: boom"


def test_setting_up_twice_does_not_write_twice() -> None:
    lines("json")
    out = lines("json")
    logger().info("once")
    assert len(entries(out)) == 1
