"""What tests of the sinks share: minutes in the database, sums of both sides, and a proxy."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx

from paykeel.metrics.catalogue import BY_OUTCOME, cloudwatch_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    import asyncpg

MINUTE = timedelta(minutes=1)
DAYS = timedelta(days=3)
WAIT_S_MAX = 30
_EVENTS = {"succeeded": "payment.succeeded", "failed": "payment.failed", "": "payment.opened"}


def minutes_ago(minutes: int) -> datetime:
    """The start of a minute of the past."""
    return datetime.now(UTC).replace(second=0, microsecond=0) - minutes * MINUTE


async def put_minute(
    owner: asyncpg.Connection,
    merchant_id: UUID,
    minute: datetime,
    *,
    outcome: str = "succeeded",
    count: int = 1,
    captured: int = 0,
    slot: int = 0,
    **changes: str,
) -> None:
    """Count something in a minute."""
    names = {"buyer_role": "agent", "currency": "EUR", "gateway": "placeholder", "reason": ""}
    names |= changes
    await owner.execute(
        "INSERT INTO payment_metrics (merchant_id, bucket, event_type, outcome, buyer_role, "
        "currency, gateway, reason, slot, count, amount, captured, refunded) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, 0)",
        merchant_id,
        minute,
        _EVENTS[outcome],
        outcome,
        *(names[name] for name in ("buyer_role", "currency", "gateway", "reason")),
        slot,
        count,
        captured,
    )


async def put_durations(
    owner: asyncpg.Connection,
    merchant_id: UUID,
    minute: datetime,
    places: dict[int, int],
    *,
    stage: str = "purchase",
    slot: int = 0,
) -> None:
    """Time something in a minute: so many durations in each place."""
    await owner.executemany(
        "INSERT INTO payment_latencies (merchant_id, bucket, stage, buyer_role, gateway, slot, "
        "place, count, sum_us) VALUES ($1, $2, $3, 'agent', 'placeholder', $4, $5, $6, $7)",
        [
            (merchant_id, minute, stage, slot, place, count, count * (place + 1))
            for place, count in places.items()
        ],
    )


def told(
    client: Any,
    metric: str,
    stat: str = "Sum",
    *,
    unit: str | None = None,
    minute: datetime | None = None,
    **labels: str,
) -> int:
    """What the stand-in holds of one series, of one minute or of all."""
    query: dict[str, Any] = {
        "Id": "q",
        "MetricStat": {
            "Metric": {
                "Namespace": "Paykeel",
                "MetricName": cloudwatch_name(metric),
                "Dimensions": [
                    {"Name": cloudwatch_name(name), "Value": value}
                    for name, value in labels.items()
                ],
            },
            "Period": 60 if minute else int(2 * DAYS.total_seconds()),
            "Stat": stat,
        },
    }
    if unit is not None:
        query["MetricStat"]["Unit"] = unit
    start = minute or datetime.now(UTC).replace(microsecond=0) - DAYS
    answer = client.get_metric_data(
        MetricDataQueries=[query],
        StartTime=start,
        EndTime=start + (MINUTE if minute else DAYS + 10 * MINUTE),
    )
    return int(sum(value for one in answer["MetricDataResults"] for value in one["Values"]))


async def counted(owner: asyncpg.Connection) -> dict[str, int]:
    """What the database holds of every metric of the catalogue that is counted or timed."""
    rows = await owner.fetch(
        "SELECT outcome, sum(count) AS count FROM payment_metrics WHERE outcome <> '' GROUP BY 1"
    )
    sums = {BY_OUTCOME[row["outcome"]]: int(row["count"]) for row in rows}
    sums["purchases_opened"] = await owner.fetchval(
        "SELECT coalesce(sum(count), 0)::bigint FROM payment_metrics "
        "WHERE event_type IN ('payment.opened', 'payment.in_review', 'payment.blocked')"
    )
    for name in ("captured", "refunded"):
        sums[f"amount_{name}"] = await owner.fetchval(
            f"SELECT coalesce(sum({name}), 0)::bigint FROM payment_metrics"  # noqa: S608
        )
    sums["latency"] = await owner.fetchval(
        "SELECT coalesce(sum(count), 0)::bigint FROM payment_latencies WHERE stage = 'purchase'"
    )
    return sums


def told_sums(client: Any, mode: str = "live") -> dict[str, int]:
    """What the stand-in holds of the same metrics, when all money is in euros."""
    plain = ("purchases_opened", *BY_OUTCOME.values())
    sums = {name: told(client, name, mode=mode) for name in plain}
    for name in ("amount_captured", "amount_refunded"):
        sums[name] = told(client, name, mode=mode, currency="EUR")
    sums["latency"] = told(client, "latency", "SampleCount", mode=mode, stage="purchase")
    return sums


class HoldingProxy:
    """Stands between a process and CloudWatch, and can let one request or one answer hang."""

    def __init__(self, target: str) -> None:
        self._target = target
        #: ``request`` or ``answer``: what hangs of the next PutMetricData.
        self.hold: str | None = None
        self.held = threading.Event()
        self._let_go = threading.Event()
        self.puts = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def let_go(self) -> None:
        """Hold nothing any more; whoever waits is forgotten."""
        self.hold = None
        self._let_go.set()
        self._let_go = threading.Event()
        self.held.clear()

    @contextmanager
    def running(self) -> Iterator[HoldingProxy]:
        """Serve as long as the block lasts."""
        self._thread.start()
        try:
            yield self
        finally:
            self.let_go()
            self._server.shutdown()
            self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                hold = None
                said = f"{self.path} {self.headers.get('x-amz-target')}"
                if "PutMetricData" in said:
                    proxy.puts += 1
                    hold, proxy.hold = proxy.hold, None
                if hold == "request":
                    self._wait()
                    return
                kept = {
                    name: value
                    for name, value in self.headers.items()
                    if name.lower() not in {"connection", "content-length", "host"}
                }
                answer = httpx.post(
                    proxy._target + self.path, content=body, headers=kept, timeout=WAIT_S_MAX
                )
                if hold == "answer":
                    self._wait()
                    return
                self.send_response(answer.status_code)
                for name in ("content-type", "smithy-protocol", "x-amzn-requestid"):
                    if name in answer.headers:
                        self.send_header(name, answer.headers[name])
                self.send_header("content-length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            def _wait(self) -> None:
                self.close_connection = True
                let_go = proxy._let_go
                proxy.held.set()
                let_go.wait(WAIT_S_MAX)

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        return Handler
