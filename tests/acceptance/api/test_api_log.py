"""What is logged: one line for each thing, and nothing secret in it."""

from __future__ import annotations

import io
import json
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from paykeel import log
from tests.acceptance.api.kit import CARD, Api

if TYPE_CHECKING:
    from collections.abc import Callable

SECRETS: list[dict[str, Any]] = [
    {"authorization": "Bearer abc"},
    {"Authorization": "whatever"},
    {"headers": {"X-Signature": "0f0f"}},
    {"header": "Bearer abc.def"},
    {"text": "use paykeel_live_abcDEF123456_secretsecret now"},
    {"list": ["paykeel_test_abcDEF123456_secretsecret"]},
    {"url": "postgresql://paykeel_app:secret@db/paykeel"},
    {"database_url": "secret"},
    {"password": "secret"},
    {"nested": {"deeper": {"card": CARD}}},
    {CARD: 1, "nested": {CARD: 1}},
    {"number": int(CARD)},
    {"buyer": "someone@example.org"},
    {"object": ValueError(f"card {CARD}")},
]


def render(log_format: str, write: Callable[[Any], None]) -> str:
    out = io.StringIO()
    log.set_up(log_format, "INFO", out)
    write(structlog.get_logger("tests"))
    return out.getvalue()


def write_event(facts: dict[str, Any], to: Any) -> None:
    to.info("event", **facts)


@pytest.mark.usefixtures("logged")
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_secrets_are_taken_out(log_format: str) -> None:
    for facts in SECRETS:
        line = render(log_format, partial(write_event, facts))
        for word in ("abc", "secret", "0f0f", CARD, "someone"):
            assert word not in line.replace("paykeel_app", ""), (facts, line)


@pytest.mark.usefixtures("logged")
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_line_cannot_be_forged(log_format: str) -> None:
    forged = 'x\r\n{"event": "paid", "level": "info"}\u2028\x1b[2J'

    def write(to: Any) -> None:
        to.info(forged, value=forged, nested={"a": [forged]})
        logging.getLogger("library").warning("%s", forged)

    written = render(log_format, write)
    assert len(written.splitlines()) == 2
    assert "\x1b" not in written
    assert "\r" not in written


@pytest.mark.usefixtures("logged")
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_is_kept_and_cleaned(log_format: str) -> None:
    def write(to: Any) -> None:
        try:
            int(f"two\nlines, {CARD}\ninfo: paid")
        except ValueError:
            to.exception("failed")

    written = render(log_format, write)
    assert "Traceback" in written
    assert "  | " in written
    assert CARD not in written
    lines = written.splitlines() if log_format == "console" else [written]
    assert not any(line.startswith("info") for line in lines)


@pytest.mark.usefixtures("logged")
def test_what_libraries_log_is_cleaned_too() -> None:
    written = render(
        "json", lambda _: logging.getLogger("x").error("key %s", "paykeel_live_aB3_zz")
    )
    document = json.loads(written)
    assert document["event"] == "key paykeel_live_[redacted]"
    assert (document["level"], document["logger"]) == ("error", "x")


@pytest.mark.usefixtures("logged")
def test_levels_hold() -> None:
    out = io.StringIO()
    log.set_up("json", "ERROR", out)
    structlog.get_logger("a").info("no")
    logging.getLogger("b").warning("no")
    structlog.get_logger("a").error("yes")
    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["yes"]


async def test_each_request_writes_a_line_without_its_query(api: Api, logged: io.StringIO) -> None:
    made = await api.buy()
    await api.read("/v1/payments", reference="order-17")
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    ours = [line for line in lines if line["event"] == "request"]
    assert [(line["method"], line["path"], line["status"]) for line in ours] == [
        ("POST", "/v1/purchases", 201),
        ("GET", "/v1/payments", 200),
    ]
    assert ours[0]["request_id"] == made.headers["x-request-id"]
    assert ours[0]["merchant_id"] == str(api.merchant_id)
    assert api.secret[26:] not in logged.getvalue()


async def test_a_path_cannot_forge_a_line(api: Api, logged: io.StringIO) -> None:
    await api.http.get("/v1/%0d%0a{%22event%22:%22paid%22}")
    for line in logged.getvalue().splitlines():
        assert json.loads(line)["event"] != "paid"
