"""By what metrics may be split, and what that costs before it is spent."""

from __future__ import annotations

from decimal import Decimal

import pytest

from paykeel.errors import Misconfigured
from paykeel.metrics.catalogue import CATALOGUE, DIMENSIONS, PERSONAL
from paykeel.metrics.cost import Prices, bill_of, series_usd
from paykeel.metrics.sinks.dimensions import (
    Sizes,
    check_budget,
    estimate,
    layouts,
    parse_sets,
    union,
    write_sets,
)
from paykeel.metrics.sinks.opening import options_of
from paykeel.settings import Settings


def refused(**changes: object) -> str:
    """With which code settings are refused."""
    with pytest.raises(Misconfigured) as caught:
        options_of(Settings.model_validate(changes))
    return caught.value.code


@pytest.mark.parametrize("name", sorted(PERSONAL))
def test_what_names_a_person_or_a_payment_is_never_a_dimension(name: str) -> None:
    assert refused(metrics_dimensions=f"none,gateway+{name}") == "metric_dimension_personal"


def test_nothing_in_the_catalogue_names_a_person_or_a_payment() -> None:
    used = {name for one in CATALOGUE.values() for name in (*one.always, *one.dimensions)}
    assert not used & PERSONAL
    assert set(DIMENSIONS) <= used


@pytest.mark.parametrize("text", ["colour", "gateway+colour", "", "gateway,,role", "none+role"])
def test_an_unknown_dimension_is_refused(text: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        parse_sets(text)
    assert caught.value.code == "metric_dimension_unknown"


def test_more_sets_than_are_sent_are_refused() -> None:
    pairs = [f"{a}+{b}" for a in DIMENSIONS for b in DIMENSIONS if a < b]
    assert len(parse_sets(",".join(pairs))) == 10
    assert refused(metrics_dimensions=",".join([*pairs, "none"])) == "metric_dimensions_too_many"


def test_a_set_beyond_the_budget_is_refused_with_the_estimate() -> None:
    with pytest.raises(Misconfigured) as caught:
        options_of(Settings(metrics_dimensions="merchant+gateway+reason+role+currency"))
    assert caught.value.code == "metric_budget_exceeded"
    assert caught.value.data["series"] > caught.value.data["series_max"] == 500
    assert str(caught.value.data["series"]) in caught.value.message


def test_the_default_is_within_its_budget() -> None:
    options = options_of(Settings())
    assert check_budget(options.plan.sets, 500) < 500
    assert options.fed == ()


def test_the_budget_is_exact() -> None:
    sets = parse_sets("none")
    total = sum(estimate(sets).values())
    assert check_budget(sets, total) == total
    with pytest.raises(Misconfigured):
        check_budget(sets, total - 1)


def test_an_estimate_counts_every_series() -> None:
    found = estimate(parse_sets("none,gateway,reason"), Sizes(gateways=3, currencies=4))
    assert found["purchases_succeeded"] == 1 + 3
    # Reasons are a closed list of the gateways.
    assert found["purchases_failed"] == 1 + 3 + 17
    assert found["amount_captured"] == 4 + 4 * 3
    assert found["latency"] == 4 + 4 * 3
    assert (found["review_backlog"], found["sink_lag"]) == (1, 3)


def test_two_sets_that_mean_the_same_are_one_series() -> None:
    assert layouts(CATALOGUE["purchases_succeeded"], parse_sets("none,reason")) == (("mode",),)
    assert layouts(CATALOGUE["amount_captured"], parse_sets("none,currency")) == (
        ("mode", "currency"),
    )


def test_sets_are_written_as_they_are_read() -> None:
    text = "none,role+gateway,merchant"
    assert write_sets(parse_sets(text)) == text
    assert parse_sets(" gateway+role ,gateway+role") == (("role", "gateway"),)
    assert union(parse_sets(text)) == (("merchant", "role", "gateway"),)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"metrics_sinks": "cloudwatch,statsd"}, "metric_sink_unknown"),
        ({"metrics_sinks": "otlp"}, "metric_sink_unusable"),
        ({"metrics_namespace": "AWS/Mine"}, "metric_sink_unusable"),
        ({"metrics_otlp_headers": "authorization"}, "metric_sink_unusable"),
        ({"metrics_prometheus_token": "x" * 31}, "secret_unusable"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(changes: dict[str, object], code: str) -> None:
    assert refused(**changes) == code


def test_sinks_are_read_in_order() -> None:
    options = options_of(
        Settings.model_validate(
            {
                "metrics_sinks": "emf, prometheus,cloudwatch ,emf",
                "metrics_otlp_headers": "authorization=Bearer a=b, x-team=pay",
                "metrics_test_mode": True,
            }
        )
    )
    assert (options.fed, options.prometheus) == (("emf", "cloudwatch"), True)
    assert options.otlp_headers == {"authorization": "Bearer a=b", "x-team": "pay"}
    assert options.plan.modes == ("live", "test")


def test_each_tier_has_its_price() -> None:
    assert series_usd(10_000) == Decimal(3_000)
    assert series_usd(250_000) == Decimal(27_000)
    assert series_usd(1_000_000) == Decimal(64_500)
    assert series_usd(1_000_001) == Decimal("64500.02")


def test_a_bill_adds_up() -> None:
    bill = bill_of(parse_sets("none"), alarms=8, dashboards=1, prices=Prices())
    assert bill.series_count == sum(bill.series.values())
    parts = (bill.series_usd, bill.requests_usd, bill.alarms_usd, bill.dashboards_usd)
    assert bill.total_usd == sum(parts)
    assert (bill.alarms_usd, bill.dashboards_usd) == (Decimal("0.80"), Decimal("3.00"))
    assert bill.requests == 2 * 43_200
    other = bill_of(parse_sets("none"), alarms=0, dashboards=0, prices=Prices(alarm=Decimal(9)))
    assert other.alarms_usd == 0
