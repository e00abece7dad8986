"""What OpenAPI says of the routes of metrics, with an example of each answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from paykeel.api.describing import Document, answer, operation, query
from paykeel.metrics import answers
from paykeel.metrics.asking import VALUES_MAX, Asked, GroupBy, ask
from paykeel.metrics.figures import by_place
from paykeel.metrics.frauds import Stopped, Waiting, fraud, vamp
from paykeel.metrics.periods import POINTS_MAX, Interval
from paykeel.metrics.reading import Counted, Timed
from paykeel.metrics.reference import DatedRate, Rates, in_reference
from paykeel.metrics.service import GROUPS

_COMMON = ("since", "until", "time_zone", "role", "gateway")
#: What each route takes.
PARAMETERS: dict[str, tuple[str, ...]] = {
    "summary": (*_COMMON, "currency", "group_by"),
    "timeseries": (*_COMMON, "currency", "group_by", "interval"),
    "failures": (*_COMMON, "currency", "group_by"),
    "latency": (*_COMMON, "group_by"),
    "revenue": (*_COMMON, "currency", "group_by", "reference"),
    "fraud": (*_COMMON, "currency"),
}
_MANY = f"at most {VALUES_MAX}, with commas between them"
_QUERIES: dict[str, Document] = {
    "since": query(
        "since",
        "An instant, a local day or time, or how long before the end (m, h, d, w).",
        default="7d",
        examples=["7d", "2026-11-01", "2026-11-23T09:30:00Z"],
    ),
    "until": query("until", "The same; up to and with the running minute when left out."),
    "time_zone": query("time_zone", "By whose clock days begin.", default="UTC"),
    "role": query("role", "Only buyers in this role; `agent`, `operator` or both."),
    "currency": query("currency", f"Only these currencies: {_MANY}."),
    "gateway": query("gateway", f"Only these gateways: {_MANY}."),
    "interval": query(
        "interval",
        f"How long a piece is, at most {POINTS_MAX} of them; one that fits when left out.",
        enum=[str(one) for one in Interval],
    ),
    "reference": query(
        "reference",
        "Whether to tell it in the merchant's reference currency, too; of at most a year.",
        type="boolean",
        default=False,
    ),
}

_NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
_ASKED = Asked(since="1d", interval="day")


def _counted(place: int, event: str, outcome: str, count: int, **more: int | str) -> Counted:
    values: dict[str, int | str] = {
        "currency": "EUR",
        "reason": "",
        "amount": 1_250 * count,
        "captured": 1_250 * count if outcome == "succeeded" else 0,
        "refunded": 0,
        **more,
    }
    return Counted(
        place=place,
        event_type=f"payment.{event}",
        outcome=outcome,
        buyer_role="agent",
        gateway="placeholder",
        count=count,
        **values,  # type: ignore[arg-type]
    )


def _rows(place: int) -> list[Counted]:
    return [
        _counted(place, "opened", "", 41),
        _counted(place, "blocked", "blocked", 1, reason="blocked"),
        _counted(place, "succeeded", "succeeded", 38),
        _counted(place, "failed", "failed", 2, reason="insufficient_funds"),
        _counted(place, "refunded", "", 1, amount=500, refunded=500),
    ]


def _timed(place: int) -> list[Timed]:
    shape = {"agent": ((160, 30), (168, 9), (176, 1))}
    return [
        Timed(place, stage, role, "placeholder", bucket, count, count * 2 ** (bucket // 8))
        for stage in ("gateway", "purchase")
        for role, buckets in shape.items()
        for bucket, count in buckets
    ]


_ROWS = _rows(2)
_QUESTION = ask(_NOW, _ASKED)
_WAITING = Waiting(
    reviews_open=2,
    reviews_overdue=0,
    reviews_oldest_at=_NOW - timedelta(minutes=40),
    alerts={"card_testing": 1},
)
_RATES = Rates("USD", {"EUR": [DatedRate("EUR", _NOW.date(), Decimal("1.0842"))]})
_MONTH = datetime(2026, 11, 1, tzinfo=UTC)
_SHOWN: dict[str, Document] = {
    "summary": answers.summary(_QUESTION, _ROWS, _timed(1), _WAITING.document(_NOW)),
    "timeseries": answers.timeseries(_QUESTION, _rows(0), _timed(0)),
    "failures": answers.failures(_QUESTION, _ROWS),
    "latency": answers.latencies(_QUESTION, _timed(1)),
    "revenue": answers.revenues(
        _QUESTION,
        _ROWS,
        in_reference(
            _RATES,
            [_NOW - timedelta(hours=2), _NOW - timedelta(hours=1), _NOW],
            by_place(_rows(1), 2),
            _NOW - timedelta(hours=1),
        ),
    ),
    "fraud": fraud(
        _QUESTION,
        _ROWS,
        [
            Stopped(
                decision="block",
                reason="buyer_rate",
                currency="EUR",
                count=1,
                amount=1_250,
                seen=1,
            )
        ],
        _WAITING,
        vamp(_MONTH, _ROWS, 0, 0),
    ),
}


def _group_by(kind: str) -> Document:
    choices: tuple[GroupBy, ...] = GROUPS[kind]
    return query("group_by", "By what to split.", enum=[str(one) for one in choices])


def _route(kind: str, about: str) -> Document:
    parameters = [
        _group_by(kind) if name == "group_by" else _QUERIES[name] for name in PARAMETERS[kind]
    ]
    model = f"Metrics{kind.capitalize()}"
    return operation({"200": answer(about, model, {kind: _SHOWN[kind]})}, parameters)


SUMMARY = _route("summary", "How the period went.")
TIMESERIES = _route("timeseries", "The figures of each piece.")
FAILURES = _route("failures", "Why purchases failed.")
LATENCY = _route("latency", "How long each stage took.")
REVENUE = _route("revenue", "What came in and went back.")
FRAUD = _route("fraud", "What was stopped, and what waits.")
