"""The composition root: settings in, a working Paykeel out. Nothing else puts parts together."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Self

import asyncpg
import structlog

from paykeel.clock import SystemClock
from paykeel.db.embedded import EmbeddedServer, start_embedded
from paykeel.db.migrate import Applied, migrate
from paykeel.db.pool import Database
from paykeel.db.secrets import load_secret
from paykeel.errors import DatabaseUnavailable, Misconfigured, PaykeelError
from paykeel.fraud import FraudPreventionService
from paykeel.fraud.alert_watch import thresholds_of
from paykeel.fraud.alerts import AlertService
from paykeel.fraud.backtest import Backtests
from paykeel.fraud.engine import CelEngine
from paykeel.fraud.keys import KeyMaker
from paykeel.fraud.labels import LabelService
from paykeel.fraud.lists import FraudLists
from paykeel.fraud.models import Models
from paykeel.fraud.quoting import QuoteService
from paykeel.fraud.refusals import RefusalLog
from paykeel.fraud.rulesets import Rulesets
from paykeel.gateways import placeholder
from paykeel.gateways.registry import Gateways, open_gateways
from paykeel.idempotency import IdempotencyService
from paykeel.merchants import MerchantService
from paykeel.merchants.keys import ApiKeyService
from paykeel.metrics import PaymentMetricsService
from paykeel.metrics.alert_watch import watching_of
from paykeel.metrics.alerts import MetricAlertService
from paykeel.metrics.rollup import Rollup
from paykeel.metrics.sinks.opening import MetricSinks, options_of
from paykeel.metrics.stopwatch import Stopwatch
from paykeel.payments.audit import Auditor
from paykeel.payments.reviews import ReviewService
from paykeel.payments.service import PaymentService
from paykeel.refunds.policies import RefundPolicyService
from paykeel.refunds.service import RefundService
from paykeel.sealing import KeyKeeper, SealingService
from paykeel.settings import Settings
from paykeel.terms import TermsService
from paykeel.terms.evidence import TermsEvidence

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from paykeel.clock import Clock
    from paykeel.payments.settle import CompletionHook


#: How often a process looks whether the embedded server still lives.
WATCH_S = 1

log = structlog.get_logger("paykeel.core")


@dataclass(frozen=True, slots=True)
class Urls:
    """Where the database is, for the application and for its owner."""

    app: str
    owner: str
    server: EmbeddedServer | None


async def find_database(settings: Settings) -> Urls:
    """Return where the database is, starting the embedded server when none is named."""
    if settings.database_url is not None:
        app = settings.database_url.get_secret_value()
        owner = settings.migration_database_url
        return Urls(app, app if owner is None else owner.get_secret_value(), None)
    server = await asyncio.to_thread(
        start_embedded,
        settings.data_dir,
        postgres_version=settings.embedded_postgres_version,
        start_ms_max=settings.embedded_start_ms_max,
    )
    return Urls(server.app_url, server.owner_url, server)


async def migrate_all(urls: Urls, settings: Settings) -> list[Applied]:
    """Apply what is pending, as the owner, and make the placeholder's books."""
    applied = await migrate(urls.owner, lock_ms_max=settings.migration_lock_ms_max)
    if applied or urls.server is None:
        try:
            connection = await asyncpg.connect(urls.owner)
        except OSError as error:
            raise DatabaseUnavailable from error
        try:
            await placeholder.install(connection)
        finally:
            await connection.close()
    return applied


async def _fraud_keys(settings: Settings, database: Database) -> KeyMaker:
    """Return what makes the keys under which purchases are counted.

    Raises:
        Misconfigured: A secret is too short.
    """
    if settings.fraud_secrets is not None:
        words = settings.fraud_secrets.get_secret_value().split(",")
        secrets = tuple(word.strip().encode() for word in words)
    else:
        folder = settings.data_dir if settings.database_url is None else None
        made = await load_secret(database, "fraud_keys", lambda: os.urandom(32), folder=folder)
        secrets = (made,)
    try:
        return KeyMaker(secrets)
    except ValueError as error:
        raise Misconfigured(f"PAYKEEL_FRAUD_SECRETS: {error}.", code="secret_unusable") from error


def _rulesets(settings: Settings, database: Database, clock: Clock) -> Rulesets:
    return Rulesets(
        database,
        clock,
        CelEngine(),
        settings.merchant_cache_ms,
        otherwise=settings.fraud_default_ruleset,
        shadow_decisions_min=settings.fraud_shadow_decisions_min,
    )


def _sealing(settings: Settings, database: Database) -> SealingService:
    return SealingService(
        database,
        KeyKeeper(settings, database),
        lookback_ms=settings.sealing_lookback_ms,
        batch_rows=settings.sealing_batch_rows,
    )


def _metrics(settings: Settings, database: Database) -> PaymentMetricsService:
    # What happens waits for the batch before its own, and each of them for a connection.
    settled_ms = 2 * (settings.pool_wait_ms_max + settings.statement_ms_max)
    return PaymentMetricsService(
        database,
        settled_after=timedelta(milliseconds=settled_ms),
        flushed_after=timedelta(milliseconds=settled_ms + settings.metrics_flush_ms),
    )


def _rollup(settings: Settings, database: Database) -> Rollup:
    return Rollup(
        database,
        minutes_days=settings.metrics_minutes_days,
        hours_days=settings.metrics_hours_days,
        statement_ms_max=settings.statement_ms_max,
    )


async def _watch(server: EmbeddedServer | None) -> None:
    """Start the embedded server again when it dies, as a supervisor does with one's own."""
    while server is not None:
        await asyncio.sleep(WATCH_S)
        if server.pid is None:
            log.error("database.died", restarting=True)
            try:
                await asyncio.to_thread(server.ensure_running)
            except PaykeelError as error:
                log.error("database.not_restarted", error=error.message)  # noqa: TRY400


class Core:
    """Everything that Paykeel does, wired together.

    >>> async def buy(settings, request, merchant_id):
    ...     async with Core.open(settings) as core:
    ...         return await core.payments.purchase(
    ...             request, merchant_id=merchant_id, idempotency_key="order-17")
    """

    def __init__(
        self,
        *,
        settings: Settings,
        database: Database,
        gateways: Gateways,
        clock: Clock,
        completion_hook: CompletionHook | None,
        fraud_keys: KeyMaker,
    ) -> None:
        """Wire the parts; use :meth:`open`."""
        self.settings = settings
        self.database = database
        self.gateways = gateways
        self.clock = clock
        cache_ms = settings.merchant_cache_ms
        self.merchants = MerchantService(database, clock, cache_ms=cache_ms)
        self.keys = ApiKeyService(database, clock, cache_ms=cache_ms)
        self.idempotency = IdempotencyService(
            database, rows_max=settings.batch_rows_max, queue_max=settings.queue_rows_max
        )
        self.rulesets = _rulesets(settings, database, clock)
        self.fraud_lists = FraudLists(database, fraud_keys)
        self.labels = LabelService(database)
        self.models = Models(database, clock, cache_ms=cache_ms)
        self.backtests = Backtests(database)
        self.quotes = QuoteService(settings, database)
        self.refusals = RefusalLog(database)
        self.fraud = FraudPreventionService(
            database,
            self.rulesets,
            self.models,
            keys=fraud_keys,
            quotes=self.quotes,
            refusals=self.refusals,
        )
        self.alerts = AlertService(database, thresholds_of(settings))
        self.terms = TermsService(database, clock, presentation_ms=settings.terms_presentation_ms)
        self.refund_policies = RefundPolicyService(database, clock)
        self.metric_alerts = MetricAlertService(database, watching_of(settings))
        self.metrics = _metrics(settings, database)
        self.metric_sinks = MetricSinks(database, options_of(settings))
        self.stopwatch = Stopwatch(database, on=settings.metrics_latency)
        self.rollup = _rollup(settings, database)
        self.sealing = _sealing(settings, database)
        self.terms_evidence = TermsEvidence(database, self.sealing)
        self.auditor = Auditor(database, self.merchants, looks_min=settings.recovery_tries_alarm)
        self.payments = PaymentService(
            settings=settings,
            database=database,
            gateways=gateways,
            merchants=self.merchants,
            fraud=self.fraud,
            terms=self.terms,
            policies=self.refund_policies,
            idempotency=self.idempotency,
            stopwatch=self.stopwatch,
            hook=completion_hook,
        )
        self.reviews = ReviewService(self.payments.resources)
        self.refunds = RefundService(self.payments.resources, self.refund_policies)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        settings: Settings | None = None,
        *,
        gateways: Gateways | None = None,
        completion_hook: CompletionHook | None = None,
        clock: Clock | None = None,
    ) -> AsyncIterator[Self]:
        """Open everything, and close it again at the end.

        Args:
            settings: Read from the environment when left out.
            gateways: The application's own, instead of those that the settings name.
            completion_hook: Runs inside the transaction that completes a purchase.
            clock: The machine's when left out.

        Raises:
            DatabaseUnavailable: The database does not answer.
            Misconfigured: The gateway or the schema does not fit.
        """
        settings = settings or Settings()
        urls = await find_database(settings)
        try:
            if urls.server is not None:
                # The embedded server is ours alone, so its schema follows the code.
                await migrate_all(urls, settings)
            database = await Database.open(
                urls.app,
                size=settings.pool_size,
                wait_ms_max=settings.pool_wait_ms_max,
                statement_ms_max=settings.statement_ms_max,
            )
            try:
                opened = gateways or await open_gateways(settings, urls.app)
                core = cls(
                    settings=settings,
                    database=database,
                    gateways=opened,
                    clock=clock or SystemClock(),
                    completion_hook=completion_hook,
                    fraud_keys=await _fraud_keys(settings, database),
                )
                core.stopwatch.start(settings.metrics_flush_ms)
                watching = asyncio.create_task(_watch(urls.server))
                try:
                    yield core
                finally:
                    watching.cancel()
                    await core.close()
                    if gateways is None:
                        await opened.close()
            finally:
                await database.close()
        finally:
            if urls.server is not None:
                await asyncio.to_thread(urls.server.release)

    async def close(self) -> None:
        """Wait for what is in flight."""
        await self.payments.close()
        await self.stopwatch.close()
        await self.metric_sinks.close()
        await self.idempotency.close()
        await self.keys.close()
