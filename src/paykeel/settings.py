"""One frozen Settings, read once, by the composition root and the entry points only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def default_data_dir() -> Path:
    """Return where the embedded server keeps its data, unless told otherwise.

    ``/var/lib/paykeel`` for root, since PostgreSQL then runs as a user of its own, who could not
    enter root's home; ``$XDG_DATA_HOME/paykeel`` for everybody else.
    """
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/paykeel")
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "paykeel"


Milliseconds = Annotated[int, Field(ge=1, le=86_400_000)]


class Settings(BaseSettings):
    """Everything that can be set, each with a default that works.

    Every field is read from the environment variable ``PAYKEEL_<FIELD>``.
    """

    model_config = SettingsConfigDict(env_prefix="PAYKEEL_", frozen=True, extra="forbid")

    #: The application role's connection string. Empty: start the embedded PostgreSQL.
    database_url: SecretStr | None = None
    #: The owner role's connection string, for migrations. Empty: ``database_url`` is tried.
    migration_database_url: SecretStr | None = None
    #: The placeholder gateway's own connections. Empty: ``database_url``.
    placeholder_database_url: SecretStr | None = None
    #: Where the embedded server keeps its data.
    data_dir: Path = Field(default_factory=default_data_dir)
    #: Which embedded server to start: 18 or 16.
    embedded_postgres_version: int = 18
    #: How long the embedded server may take to start, recovery after a crash included.
    embedded_start_ms_max: Milliseconds = 120_000
    #: Connections in the pool. Two are enough to keep one database core busy; see docs.
    pool_size: int = Field(default=8, ge=2, le=200)
    #: How long a call waits for a connection before it is told that the database is unavailable.
    pool_wait_ms_max: Milliseconds = 5_000
    #: How long one statement may take on the application's connections.
    statement_ms_max: Milliseconds = 15_000
    #: How long a migration waits for a lock before it gives up.
    migration_lock_ms_max: Milliseconds = 5_000
    #: The most purchases that one statement opens or settles.
    batch_rows_max: int = Field(default=64, ge=1, le=1_000)
    #: How many batches of one kind may be in flight at once, for one merchant and process.
    batch_lanes: int = Field(default=2, ge=1, le=16)
    #: The most calls that may wait in one process before new ones are told to come back.
    queue_rows_max: int = Field(default=5_000, ge=1)

    #: The gateway for merchants in test mode, by its registered name.
    gateway_test: str = "placeholder"
    #: The gateway for merchants in live mode. Empty: live purchases are refused.
    gateway_live: str = ""
    #: How long a gateway may take to answer before the outcome is called unknown.
    gateway_ms_max: Milliseconds = 20_000

    #: How long the application's completion hook may take inside the settling transaction.
    completion_hook_ms_max: Milliseconds = 10_000

    #: How long a duplicate waits for the first request's answer.
    duplicate_wait_ms_max: int = Field(default=10_000, ge=0, le=60_000)
    #: How many duplicates may wait at once in one process; more are told to come back.
    duplicate_waiters_max: int = Field(default=1_000, ge=0)
    #: How long a stored answer is kept, in days; the key itself stays as long as its payment.
    answer_retention_days: int = Field(default=30, ge=1)

    #: How long after the gateway's deadline an attempt waits before recovery looks at it.
    recovery_grace_ms: Milliseconds = 5_000
    #: How often the worker looks for attempts whose time has come.
    recovery_interval_ms: Milliseconds = 1_000
    #: The first and the longest pause between two looks at the same attempt.
    recovery_backoff_ms_min: Milliseconds = 1_000
    recovery_backoff_ms_max: Milliseconds = 900_000
    #: How many attempts one sweep takes for one merchant.
    recovery_batch_rows: int = Field(default=50, ge=1, le=1_000)
    #: After how many looks an attempt is called stuck and an alarm is raised.
    recovery_tries_alarm: int = Field(default=6, ge=1)
    #: How often the worker purges stored answers.
    purge_interval_ms: Milliseconds = 3_600_000

    #: Where ``paykeel serve`` listens.
    host: str = "127.0.0.1"
    port: int = Field(default=8420, ge=0, le=65_535)
    #: The largest request body, in bytes.
    body_bytes_max: int = Field(default=64 * 1024, ge=1_024)
    #: How long a request's body may take to arrive.
    body_ms_max: Milliseconds = 10_000
    #: How long a server that was asked to stop waits for what is in flight.
    drain_ms_max: Milliseconds = 30_000
    #: For how long a process trusts what it read about an API key or a merchant.
    merchant_cache_ms: int = Field(default=1_000, ge=0, le=60_000)
    #: ``json`` for machines, ``console`` for people.
    log_format: Literal["json", "console"] = "json"
    #: What is less than this is not logged.
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"

    @field_validator(
        "database_url", "migration_database_url", "placeholder_database_url", mode="before"
    )
    @classmethod
    def _empty_means_none(cls, value: object) -> object:
        """Take a variable that is set to nothing for one that is not set."""
        return None if value == "" else value
