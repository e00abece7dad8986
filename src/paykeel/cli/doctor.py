"""``doctor``: looks whether everything that Paykeel needs is there, and says what to do."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from paykeel.cli.context import DEFAULTS, FOUND, OK, Common, Output, quiet_log
from paykeel.cli.sink_findings import look_at_sinks
from paykeel.cli.upkeep import read_status
from paykeel.core import Core, Urls, find_database
from paykeel.db.pool import Database
from paykeel.db.sql import load
from paykeel.errors import GatewayNotConfigured, PaykeelError
from paykeel.gateways.registry import Mode, open_gateways
from paykeel.sealing.keys import read_private_key
from paykeel.sealing.signing import key_id_of
from paykeel.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from asyncpg import Record

    from paykeel.fraud.rulesets import Active

SQL = load("paykeel.cli")

POSTGRES_MIN, POSTGRES_MAX = 15, 18
#: Certificates and signatures begin to fail at larger differences than these.
SKEW_WARN, SKEW_FAIL = timedelta(milliseconds=500), timedelta(seconds=30)
CLOCK_LOOKS = 3
LAG_WARN_MS = 60_000
MERCHANTS_MAX = 100
ALERTS_SHOWN_MAX = 10

OKAY, WARN, FAIL = "ok", "warn", "fail"
_MARKS = {OKAY: "✓", WARN: "!", FAIL: "✗"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look found."""

    what: str
    #: ``ok``, ``warn`` or ``fail``.
    state: str
    found: str
    #: What to do about it; empty when nothing is to be done.
    then: str = ""


async def doctor(*, common: Common = DEFAULTS) -> int:
    """Check database, clock, migrations, rights, gateways and recovery, and say what to do.

    Args:
        common: The options of every command.
    """
    settings = Settings()
    quiet_log()
    out = Output(common)
    findings = await examine(settings)
    healthy = all(finding.state != FAIL for finding in findings)
    out.document({"ok": healthy, "findings": [asdict(finding) for finding in findings]})
    out.table(
        ("", "what", "found", "what to do"),
        [(_MARKS[one.state], one.what, one.found, one.then) for one in findings],
        prose=("found", "what to do"),
    )
    return OK if healthy else FOUND


async def examine(settings: Settings) -> list[Finding]:
    """Look at one thing after the other, as far as each is needed for the next."""
    if settings.database_url is None and not _may_hold_data(settings.data_dir):
        return [
            Finding(
                "database",
                FAIL,
                f"{settings.data_dir} is no folder, and cannot become one.",
                "Let PAYKEEL_DATA_DIR name a folder; or name a server by PAYKEEL_DATABASE_URL.",
            )
        ]
    if settings.database_url is None and not (settings.data_dir / "pg").exists():
        return [
            Finding(
                "database",
                FAIL,
                f"There is none in {settings.data_dir} yet.",
                "`paykeel migrate` makes it; or name yours by PAYKEEL_DATABASE_URL.",
            )
        ]
    async with AsyncExitStack() as stack:
        try:
            urls = await find_database(settings)
            if urls.server is not None:
                stack.push_async_callback(asyncio.to_thread, urls.server.release)
            database = await Database.open(
                urls.app,
                size=2,
                wait_ms_max=settings.pool_wait_ms_max,
                statement_ms_max=settings.statement_ms_max,
                name="paykeel doctor",
            )
        except PaykeelError as error:
            advice = "Is the server running, and PAYKEEL_DATABASE_URL right?"
            return [Finding("database", FAIL, error.message, advice)]
        stack.push_async_callback(database.close)
        findings = [
            *await _server(database, embedded=urls.server is not None),
            await _clock(database),
            await _migrations(urls),
        ]
        if findings[-1].state != FAIL:
            findings.append(await _rights(database))
            findings.append(await _sealing_key(settings, database))
            findings += await _gateways(settings, urls)
        if all(finding.state != FAIL for finding in findings):
            findings.append(await _recovery(settings))
            findings += await _fraud_rules(settings)
            findings += await _alerts(settings)
            findings += await _metric_alerts(settings)
            findings += [
                Finding(what, OKAY if good else WARN, found, then)
                for what, good, found, then in await look_at_sinks(settings)
            ]
        return findings


def _may_hold_data(data_dir: Path) -> bool:
    """Say whether this is a folder, or nothing yet below one."""
    folder = data_dir.expanduser().absolute()
    first = next(place for place in (folder, *folder.parents) if place.exists())
    return first.is_dir()


async def _server(database: Database, *, embedded: bool) -> list[Finding]:
    row = await database.fetchrow(SQL["server_facts"])
    assert row is not None, "a role that is connected exists"  # noqa: S101 - for the type checker
    major = row["version_number"] // 10_000
    kind = "embedded" if embedded else "your own"
    found = f"PostgreSQL {row['version']}, {kind}, as {row['role']}"
    if not POSTGRES_MIN <= major <= POSTGRES_MAX:
        advice = f"Paykeel is made for {POSTGRES_MIN} to {POSTGRES_MAX}."
        first = Finding("database", FAIL if major < POSTGRES_MIN else WARN, found, advice)
    elif row["standby"]:
        advice = "Point PAYKEEL_DATABASE_URL at the primary."
        first = Finding("database", FAIL, f"{found}: a standby, which takes no writes", advice)
    else:
        first = Finding("database", OKAY, found)
    return [first, _durability(row), _role(row)]


def _durability(row: Record) -> Finding:
    found = f"fsync {row['fsync']}, synchronous_commit {row['synchronous_commit']}"
    if row["fsync"] == "on" and row["synchronous_commit"] != "off":
        return Finding("durability", OKAY, found)
    advice = "Turn both on: a crash of the machine may lose payments that were answered."
    return Finding("durability", FAIL, found, advice)


def _role(row: Record) -> Finding:
    advice = "Connect as paykeel_app, which roles.sql makes; only migrations need the owner."
    if row["superuser"]:
        return Finding("role", WARN, f"{row['role']} is a superuser", advice)
    if row["privileged"]:
        return Finding("role", WARN, f"{row['role']} has rights over the whole server", advice)
    return Finding("role", OKAY, f"{row['role']} is an ordinary role")


async def _clock(database: Database) -> Finding:
    """Compare the clocks, by the quickest of a few looks."""
    best, skew = timedelta.max, timedelta(0)
    for _ in range(CLOCK_LOOKS):
        before = datetime.now(UTC)
        row = await database.fetchrow(SQL["clock"])
        took = datetime.now(UTC) - before
        if row is not None and took < best:
            best, skew = took, row["at"] - (before + took / 2)
    found = f"{round(skew / timedelta(milliseconds=1))} ms apart from the database's"
    advice = "Let both machines keep time by NTP."
    if abs(skew) >= SKEW_FAIL:
        return Finding("clock", FAIL, found, advice)
    if abs(skew) >= SKEW_WARN:
        return Finding("clock", WARN, found, advice)
    return Finding("clock", OKAY, found)


async def _migrations(urls: Urls) -> Finding:
    try:
        found = await read_status(urls.app)
    except PaykeelError as error:
        return Finding("migrations", FAIL, error.message, "")
    if found.problems:
        first = found.problems[0]
        return Finding("migrations", FAIL, first.code, first.message)
    if found.pending:
        names = ", ".join(migration.file_name for migration in found.pending)
        return Finding("migrations", FAIL, f"pending: {names}", "Run `paykeel migrate`.")
    last = f", the last is {found.applied[-1].version:04}" if found.applied else ""
    return Finding("migrations", OKAY, f"{len(found.applied)} applied{last}")


async def _rights(database: Database) -> Finding:
    rows = await database.fetch(SQL["history_rights"])
    if not rows:
        return Finding("rights", OKAY, "history can only be added to")
    names = ", ".join(row["table_name"] for row in rows)
    advice = "Connect as paykeel_app, to which the migrations grant the least that is needed."
    verb = "owns" if any(row["owned"] for row in rows) else "may change"
    return Finding("rights", WARN, f"this role {verb} {names}", advice)


async def _sealing_key(settings: Settings, database: Database) -> Finding:
    """See whether whoever can read the database could sign in our name."""
    if settings.sealing_key is not None:
        try:
            key = read_private_key(settings.sealing_key.get_secret_value())
        except PaykeelError as error:
            return Finding("sealing key", FAIL, error.message, "See docs/how-to/verify-seals.md.")
        return Finding("sealing key", OKAY, f"{key_id_of(key.public_key)}, from the settings")
    place = "in the data folder" if settings.database_url is None else "in the database"
    if await database.fetchrow(SQL["live_merchant"]) is None:
        return Finding("sealing key", OKAY, f"made by this installation, kept {place}")
    advice = "Set PAYKEEL_SEALING_KEY: who can read that place can sign changed history anew."
    return Finding("sealing key", WARN, f"merchants are live, and the key is kept {place}", advice)


async def _gateways(settings: Settings, urls: Urls) -> list[Finding]:
    """Open the gateways, and say which serves each mode."""
    try:
        gateways = await open_gateways(settings, urls.app)
    except PaykeelError as error:
        return [Finding("gateways", FAIL, error.message, "See PAYKEEL_GATEWAY_TEST and _LIVE.")]
    findings = []
    try:
        modes: tuple[Mode, ...] = ("test", "live")
        for mode in modes:
            try:
                gateway = gateways.for_mode(mode)
            except GatewayNotConfigured:
                advice = f"PAYKEEL_GATEWAY_{mode.upper()} names one, when it is time."
                findings.append(Finding(f"gateway, {mode}", WARN, "none is configured", advice))
            else:
                findings.append(Finding(f"gateway, {mode}", OKAY, gateway.name))
    finally:
        await gateways.close()
    return findings


async def _fraud_rules(settings: Settings) -> list[Finding]:
    """Say what is enforced: by which ruleset, how many rules, and within which limits."""
    off = settings.fraud_default_ruleset == "none"
    findings = []
    try:
        async with Core.open(settings) as core:
            merchants = await core.merchants.list(rows_max=MERCHANTS_MAX)
            for merchant in merchants:
                active = await core.rulesets.active(merchant.merchant_id)
                findings.append(_rules_of(f"fraud rules, {merchant.name}", active))
    except PaykeelError as error:
        return [Finding("fraud rules", FAIL, error.message, "")]
    if off:
        found = "fraud rules are off for every merchant that has activated none"
        advice = "Unset PAYKEEL_FRAUD_DEFAULT_RULESET, and the default rules hold."
        findings.insert(0, Finding("fraud rules", WARN, found, advice))
    elif not findings:
        findings.append(Finding("fraud rules", OKAY, "a new merchant begins with the default"))
    if len(merchants) == MERCHANTS_MAX:
        findings.append(Finding("fraud rules", OKAY, f"only {MERCHANTS_MAX} merchants are shown"))
    return findings


async def _alerts(settings: Settings) -> list[Finding]:
    """List what goes on and nobody has acknowledged, the oldest first."""
    try:
        async with Core.open(settings) as core:
            alerts = await core.alerts.list_open(ALERTS_SHOWN_MAX + 1)
    except PaykeelError as error:
        return [Finding("alerts", FAIL, error.message, "")]
    if not alerts:
        return [Finding("alerts", OKAY, "none is open")]
    findings = [
        Finding(
            "alert",
            WARN,
            f"{alert.dedupe_key}, {alert.count} times since {alert.first_at:%Y-%m-%d %H:%M} UTC",
            f"`paykeel fraud alerts acknowledge {alert.alert_id} --merchant {alert.merchant_id}`"
            " once somebody has seen it.",
        )
        for alert in alerts[:ALERTS_SHOWN_MAX]
    ]
    if len(alerts) > ALERTS_SHOWN_MAX:
        findings.append(Finding("alerts", WARN, f"only the oldest {ALERTS_SHOWN_MAX} are shown"))
    return findings


async def _metric_alerts(settings: Settings) -> list[Finding]:
    """List what the rules on metrics found and nobody looks after, the oldest first."""
    try:
        async with Core.open(settings) as core:
            alerts = await core.metric_alerts.list_open(ALERTS_SHOWN_MAX + 1)
    except PaykeelError as error:
        return [Finding("metric alerts", FAIL, error.message, "")]
    if not alerts:
        return [Finding("metric alerts", OKAY, "none is open")]
    findings = [
        Finding(
            "metric alert",
            WARN,
            f"{alert.dedupe_key} since {alert.opened_at:%Y-%m-%d %H:%M} UTC",
            f"`paykeel metrics alerts acknowledge {alert.alert_id} --merchant {alert.merchant_id}`"
            " says who looks after it.",
        )
        for alert in alerts[:ALERTS_SHOWN_MAX]
    ]
    if len(alerts) > ALERTS_SHOWN_MAX:
        found = f"only the oldest {ALERTS_SHOWN_MAX} are shown"
        findings.append(Finding("metric alerts", WARN, found))
    return findings


def _rules_of(what: str, active: Active) -> Finding:
    live, beside = active.live, active.shadow
    limits = ", ".join(f"{name} {value}" for name, value in live.ruleset.limits.items())
    found = (
        f"{live.ruleset.name} {live.ruleset.version}: {len(live.live)} rules live, "
        f"{len(live.shadow)} in the shadow; limits: {limits or 'none'}"
    )
    if beside is not None:
        found += f"; beside it {beside.ruleset.name} {beside.ruleset.version}"
    if active.unusable:
        advice = "Apply it anew with this release, and let that go live; see `paykeel fraud rules`."
        told = "; ".join(active.unusable)
        return Finding(what, FAIL, f"cannot be used: {told}. In its place: {found}", advice)
    if not live.live:
        advice = "`paykeel fraud rules show default 0` shows rules to begin with."
        return Finding(what, WARN, f"no rule acts; {found}", advice)
    return Finding(what, OKAY, found)


async def _recovery(settings: Settings) -> Finding:
    """See whether somebody looks after what is in the dark."""
    try:
        async with Core.open(settings) as core:
            overdue, lag_ms = await core.payments.recovery_lag()
    except PaykeelError as error:
        return Finding("recovery", FAIL, error.message, "")
    if overdue and lag_ms >= LAG_WARN_MS:
        return Finding(
            "recovery",
            WARN,
            f"{overdue} attempts are overdue, the oldest by {lag_ms // 1000} s",
            "Run `paykeel serve` or `paykeel worker`; if one runs, read its log.",
        )
    found = f"{overdue} attempts are due now" if overdue else "nothing is overdue"
    return Finding("recovery", OKAY, found)
