"""What is asked of refunds, read from bodies and from words of the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from paykeel.api import refunds_openapi as described
from paykeel.api.refunds_reading import read_listing, read_quote, read_request
from paykeel.cli.refunds.facts import FactOptions, read_facts
from paykeel.errors import InvalidField
from paykeel.payments.states import Status
from paykeel.refunds.facts import YEAR_MAX, YEAR_MIN
from paykeel.refunds.model import NO_FACTS, GivenFacts, RefundFilter, RefundRequest
from paykeel.refunds.reckoning import Standing, facts_of
from tests.unit.payments import payment

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ADA = {"requested_by": "Ada Lindqvist"}


def test_what_is_left_out_or_null_has_its_default() -> None:
    plain = read_request(ADA)
    assert plain == RefundRequest(requested_by="Ada Lindqvist")
    nothing = dict.fromkeys(
        ("amount", "reason", "override_reason", "expected_refunded_amount", "facts")
    )
    assert read_request(ADA | nothing) == plain
    assert read_request(ADA | {"facts": {}}).document() == plain.document()
    assert read_quote({}) == ("requested_by_buyer", NO_FACTS, None)
    assert read_listing(b"") == (RefundFilter(), None, 20)


def test_everything_that_is_told_is_read() -> None:
    told = described.REQUESTS["a_part"]
    request = read_request(told)
    assert (request.amount, request.reason, request.expected_refunded_amount) == (
        500,
        "provider_fault",
        0,
    )
    assert request.facts == GivenFacts(
        delivered_at=datetime(2026, 11, 20, 12, tzinfo=UTC),
        components={"fare": 1_000, "tax": 250},
        units=(2, 500),
    )
    reason, facts, as_of = read_quote(described.QUOTES["two_days_before"])
    assert (reason, facts.jurisdiction) == ("requested_by_buyer", "DE-BY")
    assert as_of == datetime(2027, 1, 3, 8, tzinfo=UTC)


def test_an_instant_is_the_same_in_every_zone() -> None:
    one, other = (
        read_request(ADA | {"facts": {"service_at": text}}).document()
        for text in ("2027-01-01T09:00:00+01:00", "2027-01-01T08:00:00Z")
    )
    assert one == other


def test_a_name_has_one_spelling() -> None:
    assert read_request({"requested_by": " \uff21da  Lindqvist\u200b"}) == read_request(ADA)


@pytest.mark.parametrize("year", [YEAR_MIN - 1, YEAR_MAX + 1])
@pytest.mark.parametrize("name", ["delivered_at", "service_at"])
def test_an_instant_far_away_is_refused(name: str, year: int) -> None:
    far: dict[str, Any] = {name: NOW.replace(year=year)}
    with pytest.raises(InvalidField) as refused:
        GivenFacts(**far)
    assert (refused.value.field, refused.value.code) == (f"facts.{name}", "refund_facts_time")
    with pytest.raises(InvalidField):
        GivenFacts(service_at=NOW.replace(tzinfo=None))


@pytest.mark.parametrize("year", [YEAR_MIN, YEAR_MAX])
def test_what_is_told_is_as_far_away_as_what_a_policy_is_asked_with(year: int) -> None:
    """One pair of years, so that nothing is taken from a request that no quote can be made of."""
    at = NOW.replace(year=year)
    told = GivenFacts(delivered_at=at, service_at=at)
    known = facts_of(payment(Status.SUCCEEDED), Standing(), told, "requested_by_buyer")
    assert (known.delivered_at, known.service_at) == (at, at)


def test_words_of_the_command_line_are_facts() -> None:
    bought = payment(currency="JPY")
    told = read_facts(
        FactOptions(
            delivered_at="3d",
            service_at="12h",
            no_show=True,
            component=("fare=800", "tax=200", "deposit=0"),
            units="3x40",
            jurisdiction="JP",
        ),
        bought,
        NOW,
    )
    assert told == GivenFacts(
        delivered_at=NOW - timedelta(days=3),
        service_at=NOW + timedelta(hours=12),
        no_show=True,
        components={"fare": 800, "tax": 200, "deposit": 0},
        units=(3, 40),
        jurisdiction="JP",
    )
    assert read_facts(FactOptions(), bought, NOW) == NO_FACTS
    assert read_facts(FactOptions(came=True), bought, NOW).no_show is False
    dated = read_facts(FactOptions(delivered_at="2026-11-20"), bought, NOW)
    assert dated.delivered_at == datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (FactOptions(no_show=True, came=True), "choice_unknown"),
        (FactOptions(component=("soup=1",)), "choice_unknown"),
        (FactOptions(component=("fare",)), "choice_unknown"),
        (FactOptions(component=("fare=many",)), "amount_not_decimal"),
        (FactOptions(units="many"), "integer_out_of_range"),
        (FactOptions(units="1001x1.00"), "integer_out_of_range"),
        (FactOptions(units="2xmany"), "amount_not_decimal"),
        (FactOptions(delivered_at="soon"), "instant_malformed"),
        (FactOptions(delivered_at="99999999d"), "duration_too_long"),
        (FactOptions(service_at="soon"), "instant_malformed"),
        (FactOptions(service_at="99999d"), "duration_too_long"),
        (FactOptions(service_at="9998-12-31"), "refund_facts_time"),
        (FactOptions(jurisdiction="Bavaria"), "jurisdiction_malformed"),
    ],
)
def test_other_words_are_refused(options: FactOptions, code: str) -> None:
    with pytest.raises(InvalidField) as refused:
        read_facts(options, payment(), NOW)
    assert refused.value.code == code
