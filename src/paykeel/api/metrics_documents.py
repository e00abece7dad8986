"""The documents of metrics as pydantic models; see `documents`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from paykeel.api.forms import Answer, Instant

_BasisPoints = Annotated[
    int | None, Field(description="Hundredths of a percent; null: nothing to divide by.")
]


class MetricsSpan(Answer):
    """Whole minutes, the end not included."""

    since: Instant
    until: Instant


class MetricsChange(Answer):
    """The same of the period before, and by how much it changed."""

    value: int
    change: int
    growth_bp: _BasisPoints


class MetricsRate(Answer):
    """A share with all that it comes from."""

    rate_bp: _BasisPoints
    numerator: int
    denominator: int
    wilson_low_bp: _BasisPoints
    wilson_high_bp: _BasisPoints
    sample_small: Annotated[bool, Field(description="The denominator is less than 30.")]
    excluded: Annotated[
        dict[str, int], Field(description="What ended otherwise and is in no denominator.")
    ]
    pending: Annotated[int | None, Field(description="What had not ended when the period did.")]
    before: Annotated[dict[str, int | None] | None, Field(description="The period before.")] = None


class MetricsPurchases(Answer):
    """How many purchases began, and how many came to which end."""

    begun: int
    succeeded: int
    failed: int
    blocked: int
    canceled: int
    expired: int
    concluded: int
    pending: int | None = None
    before: dict[str, MetricsChange] | None = None


class MetricsSuccess(Answer):
    """The two success rates."""

    per_attempt: MetricsRate
    per_purchase: MetricsRate


class MetricsAmount(Answer):
    """A sum in minor units of one currency."""

    currency: str
    exponent: int
    amount: int


class MetricsMoney(Answer):
    """What came in and went back in one currency, in minor units."""

    currency: str
    exponent: int
    gross: int
    refunds: int
    net: int
    before: dict[str, MetricsChange] | None = None


class MetricsReference(MetricsMoney):
    """All of it in the reference currency, and what has no rate."""

    not_converted: list[dict[str, Any]]
    not_converted_before: list[dict[str, Any]] | None


class MetricsDurations(Answer):
    """How long something took, in microseconds; nulls where nothing was timed."""

    count: int
    mean_us: int | None
    p50_us: int | None
    p95_us: int | None
    p99_us: int | None
    before: dict[str, int | None] | None = None


class MetricsReason(Answer):
    """Why purchases failed, and who can mend it."""

    reason: str
    count: int
    share_bp: _BasisPoints
    mender: Literal["buyer", "issuer", "merchant", "gateway"] | None
    retry_can_help: bool | None
    amounts: list[MetricsAmount]
    before: MetricsChange | None


class _MetricsAnswer(Answer):
    period: MetricsSpan
    comparison: Annotated[
        MetricsSpan | None,
        Field(description="Null when nothing can be compared; every `before` is null then, too."),
    ]
    comparison_missing: Annotated[
        Literal["before_first_instant", "metrics_resolution_gone"] | None,
        Field(description="Why there is no comparison."),
    ]
    time_zone: str
    as_of: Annotated[
        Instant, Field(description="Everything that happened before is surely counted.")
    ]
    filters: dict[str, list[str] | None]
    group_by: str | None
    formulas: dict[str, str]


class MetricsSummary(_MetricsAnswer):
    """How a period went."""

    object: Literal["metrics_summary"]
    purchases: MetricsPurchases
    success: MetricsSuccess
    failure: MetricsRate
    reasons: list[MetricsReason]
    latency: Annotated[
        dict[str, MetricsDurations] | None, Field(description="Null when currencies are chosen.")
    ]
    revenue: list[MetricsMoney]
    fraud: dict[str, Any]
    groups: list[dict[str, Any]] | None
    groups_left_out: int


class MetricsTimeseries(_MetricsAnswer):
    """The figures of each piece of a period: one line, or one for each group."""

    object: Literal["metrics_timeseries"]
    interval: Literal["minute", "hour", "day", "week", "month"]
    series: list[dict[str, Any]]
    series_left_out: int


class MetricsFailures(_MetricsAnswer):
    """Why purchases failed."""

    object: Literal["metrics_failures"]
    failure: MetricsRate
    reasons: list[MetricsReason]
    reasons_left_out: int
    menders: list[dict[str, Any]]
    groups: list[dict[str, Any]] | None
    groups_left_out: int


class MetricsLatency(_MetricsAnswer):
    """How long each stage took."""

    object: Literal["metrics_latency"]
    stages: dict[str, MetricsDurations]
    groups: list[dict[str, Any]] | None
    groups_left_out: int


class MetricsRevenue(_MetricsAnswer):
    """What came in and went back."""

    object: Literal["metrics_revenue"]
    revenue: list[MetricsMoney]
    reference: MetricsReference | None
    groups: list[dict[str, Any]] | None
    groups_left_out: int


class MetricsVamp(Answer):
    """A month's ratio, and how far it is to the card network's threshold."""

    month: str
    fraud_reports: int
    disputes: int
    succeeded: int
    ratio_bp: _BasisPoints
    threshold_bp: int | None
    distance_bp: int | None


class MetricsFraud(_MetricsAnswer):
    """What fraud prevention stopped, and what waits."""

    object: Literal["metrics_fraud"]
    blocked: dict[str, Any]
    by_reason: list[dict[str, Any]]
    refusals: list[dict[str, Any]] | None
    reasons_capped: bool
    reviews: dict[str, Any]
    alerts: dict[str, Any]
    vamp: MetricsVamp


METRICS_ANSWERS: tuple[type[BaseModel], ...] = (
    MetricsSummary, MetricsTimeseries, MetricsFailures, MetricsLatency, MetricsRevenue,
    MetricsFraud,
)  # fmt: skip
