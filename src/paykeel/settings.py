"""One frozen Settings, read once, by the composition root and the entry points only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

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
    batch_rows_max: int = Field(default=32, ge=1, le=1_000)
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

    #: The secrets under which buyers, cards and addresses are counted, the newest first, with
    #: commas between; each of at least 16 characters. Empty: the installation makes one and keeps
    #: it. A second one is there only while the first replaces it, for 30 days.
    fraud_secrets: SecretStr | None = None
    #: The ruleset of merchants that have activated none: ``default``, or ``none``, with which
    #: nothing is judged and nothing is counted.
    fraud_default_ruleset: Literal["default", "none"] = "default"
    #: How many decisions in the shadow speak for a ruleset that goes live, in place of a backtest.
    fraud_shadow_decisions_min: int = Field(default=1_000, ge=1, le=1_000_000)
    #: How long a purchase waits for others under the same keys before it is told to come back.
    fraud_lock_ms_max: Milliseconds = 500
    #: How long a person has to review a payment before it expires.
    fraud_review_ms: int = Field(default=86_400_000, ge=60_000, le=30 * 86_400_000)
    #: From this amount on, in minor units of the reference currency, two people must approve.
    fraud_four_eyes_amount_ref: int = Field(default=100_000, ge=0)
    #: How long a subject may take to answer terms that were shown to it.
    terms_presentation_ms: int = Field(default=3_600_000, ge=60_000, le=7 * 86_400_000)

    #: How often the worker looks for alerts.
    fraud_alert_interval_ms: Milliseconds = 10_000
    #: How far back each look counts anew; what commits later than that is not counted. Not less
    #: than the two windows below.
    fraud_alert_lookback_ms: int = Field(default=900_000, ge=300_000, le=86_400_000)
    #: Within which time blocked purchases and refusals add up to an alert.
    fraud_alert_window_ms: int = Field(default=600_000, ge=1_000, le=86_400_000)
    #: So many purchases blocked for one reason, by a rule on velocity, are an alert.
    fraud_alert_velocity_min: int = Field(default=10, ge=1, le=1_000_000)
    #: So many blocked by a rule that counts declines or different cards.
    fraud_alert_card_testing_min: int = Field(default=5, ge=1, le=1_000_000)
    #: So many purchases that differed from their signed quote.
    fraud_alert_tampering_min: int = Field(default=1, ge=1, le=1_000_000)
    #: Within which time declines are compared with the hour before.
    fraud_alert_decline_window_ms: int = Field(default=300_000, ge=60_000, le=3_600_000)
    #: Fewer declines than this are no alert.
    fraud_alert_declines_min: int = Field(default=20, ge=1, le=1_000_000)
    #: A smaller share of the attempts than this, in percent, is none either.
    fraud_alert_decline_percent_min: int = Field(default=20, ge=1, le=100)
    #: How many times the share of the hour before the share must be.
    fraud_alert_decline_factor: int = Field(default=2, ge=1, le=100)

    #: How often the worker looks whether a metric is an alert.
    metrics_alert_interval_ms: Milliseconds = 15_000
    #: Over which time rates and latencies are looked at; they are compared with the hour before.
    metrics_alert_window_ms: int = Field(default=300_000, ge=60_000, le=3_600_000)
    #: For how long something must be over before its alert is resolved.
    metrics_alert_calm_ms: int = Field(default=300_000, ge=0, le=86_400_000)
    #: With fewer attempts in the window than these, a rate or a latency says nothing.
    metrics_alert_attempts_min: int = Field(default=30, ge=1, le=1_000_000)
    #: A success rate so many percentage points below that of the hour before is an alert. This and
    #: each of those below: 0 turns it off.
    metrics_alert_success_drop_percent: int = Field(default=10, ge=0, le=100)
    #: One below this percentage is, whatever it was before.
    metrics_alert_success_percent_min: int = Field(default=0, ge=0, le=100)
    #: So many failures for one reason are an alert,
    metrics_alert_decline_count_min: int = Field(default=20, ge=0, le=1_000_000)
    #: if they are at least this percentage of the attempts,
    metrics_alert_decline_percent_min: int = Field(default=10, ge=0, le=100)
    #: and so many times the share of the hour before.
    metrics_alert_decline_factor: int = Field(default=3, ge=0, le=100)
    #: A stage (open, gateway, settle) at which one of twenty takes longer than this.
    metrics_alert_latency_ms_max: int = Field(default=5_000, ge=0, le=86_400_000)
    #: So many attempts whose outcome has been unknown for 15 minutes.
    metrics_alert_unknown_outcomes_min: int = Field(default=1, ge=0, le=1_000_000)
    #: An attempt that is overdue for recovery by this.
    metrics_alert_recovery_lag_ms_max: int = Field(default=60_000, ge=0, le=86_400_000)
    #: So many payments that wait for a person.
    metrics_alert_review_backlog_min: int = Field(default=50, ge=0, le=1_000_000)
    #: So many open alerts of fraud prevention.
    metrics_alert_fraud_alerts_min: int = Field(default=1, ge=0, le=1_000_000)
    #: A sink that is behind by this.
    metrics_alert_sink_lag_ms_max: int = Field(default=900_000, ge=0, le=86_400_000)
    #: Thresholds of single merchants, as JSON: ``{"<merchant id>": {"latency_ms_max": 9000}}``.
    metrics_alert_overrides: dict[UUID, dict[str, int]] = Field(default_factory=dict)
    #: With what the names of alarms and dashboards in CloudWatch begin; each installation that
    #: shares an account and a region with another one has a prefix of its own.
    metrics_cloudwatch_prefix: str = Field(default="paykeel", pattern=r"^[A-Za-z0-9_.-]{1,100}$")
    #: ARNs that alarms tell when they begin and when they are over, with commas between.
    metrics_cloudwatch_alarm_actions: str = ""
    #: Of the purchases that were opened, this percentage failed.
    metrics_cloudwatch_failed_percent: int = Field(default=30, ge=1, le=100)
    #: This percentage failed for one reason.
    metrics_cloudwatch_reason_percent: int = Field(default=15, ge=1, le=100)

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

    #: Whether it is measured how long purchases take. What is purchased while it is off is missing
    #: from all durations for good.
    metrics_latency: bool = True
    #: How often a process writes how long purchases took; what it loses when it is killed.
    metrics_flush_ms: int = Field(default=5_000, ge=10, le=60_000)
    #: How often the worker sums up hours and days.
    metrics_rollup_interval_ms: Milliseconds = 60_000
    #: How many days metrics are kept by the minute; hours and days are sums of it.
    metrics_minutes_days: int = Field(default=400, ge=2, le=36_500)
    #: How many days metrics are kept by the hour; 0: for ever, as days are.
    metrics_hours_days: int = Field(default=1_830, ge=0, le=36_500)

    #: Where metrics go, with commas between: ``cloudwatch``, ``emf`` (lines on standard output),
    #: ``otlp``, ``prometheus`` (which reads ``/metrics``). Empty: nowhere.
    metrics_sinks: str = Field(default="", max_length=200)
    #: By what metrics are split: sets with commas between, and ``+`` between the dimensions of a
    #: set, which are ``merchant``, ``role``, ``currency``, ``gateway`` and ``reason``; the empty
    #: set is ``none``.
    metrics_dimensions: str = Field(default="none,gateway,reason", min_length=1, max_length=500)
    #: The most series that the dimensions may make, by estimate; more is refused at the start.
    metrics_series_max: int = Field(default=500, ge=1, le=1_000_000)
    #: CloudWatch's namespace, of CloudWatch and of EMF.
    metrics_namespace: str = Field(default="Paykeel", min_length=1, max_length=255)
    #: Whether merchants in test mode are sent, too; each series says its mode.
    metrics_test_mode: bool = False
    #: How often the worker looks for minutes to send.
    metrics_sink_interval_ms: Milliseconds = 10_000
    #: How old a minute must be to be sent: by then everything of it is counted.
    metrics_sink_lag_ms: int = Field(default=120_000, ge=60_000, le=86_400_000)
    #: At which age a minute is compared once more with what was sent of it.
    metrics_sink_late_ms: int = Field(default=900_000, ge=60_000, le=86_400_000)
    #: How many minutes before its first start a sink that is new begins.
    metrics_sink_backfill_minutes: int = Field(default=0, ge=0, le=20_160)
    #: The most batches that wait for one sink; beyond it, minutes wait in the rollups.
    metrics_sink_queue_batches: int = Field(default=1_000, ge=1, le=10_000)
    #: How long one batch may take to be sent.
    metrics_sink_timeout_ms: int = Field(default=10_000, ge=100, le=60_000)
    #: How long a batch whose answer was lost may still turn up before it is sent again.
    metrics_sink_readback_ms: int = Field(default=300_000, ge=0, le=3_600_000)
    #: Where a collector takes OTLP over HTTP, with the path: ``https://…/v1/metrics``.
    metrics_otlp_url: str = Field(default="", pattern=r"^(https?://\S+)?$", max_length=1_000)
    #: What is shown there: ``name=value``, with commas between.
    metrics_otlp_headers: SecretStr | None = None
    #: Opens ``/metrics`` with the figures of all merchants; at least 32 characters. Empty: only API
    #: keys with ``metrics:read`` do, each with those of its merchant.
    metrics_prometheus_token: SecretStr | None = None

    #: The Ed25519 key that signs seals: base64 of 32 bytes, PEM, or the path of a file with
    #: either. Empty: the installation makes one and keeps it.
    sealing_key: SecretStr | None = None
    #: How often the worker seals what is new.
    sealing_interval_ms: Milliseconds = 60_000
    #: The most rows that one seal covers.
    sealing_batch_rows: int = Field(default=1_000, ge=1, le=10_000)
    #: How much older than the newest a row may be and still be sealed with the next seal; older
    #: ones are found by a slower look, and told as late.
    sealing_lookback_ms: Milliseconds = 300_000

    #: The secrets that sign quotes, the newest first, with commas between; each of at least 32
    #: characters. The first signs, all verify. Empty: the installation makes one and keeps it.
    quote_secrets: SecretStr | None = None

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
        "database_url",
        "migration_database_url",
        "placeholder_database_url",
        "sealing_key",
        "quote_secrets",
        "fraud_secrets",
        "metrics_otlp_headers",
        "metrics_prometheus_token",
        mode="before",
    )
    @classmethod
    def _empty_means_none(cls, value: object) -> object:
        """Take a variable that is set to nothing for one that is not set."""
        return None if value == "" else value
