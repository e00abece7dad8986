"""Prometheus's text, parsed by the official client."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from paykeel.metrics.catalogue import CATALOGUE, Kind
from paykeel.metrics.sinks.datums import Datum
from paykeel.metrics.sinks.prometheus import name_of, render
from tests.unit.metric_sinks.samples import AT, CAPTURED, FAILED, LAG, TOOK


def parsed(*datums: Datum) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(render(datums))
        for sample in family.samples
    }


def test_every_kind_of_datum_is_parsed() -> None:
    found = parsed(FAILED, CAPTURED, TOOK, LAG)
    live = ("mode", "live")
    failed = ("paykeel_purchases_failed_total", (live, ("reason", "card_declined")))
    assert found[failed] == 4
    captured = ("paykeel_amount_captured_minor_units_total", (("currency", "EUR"), live))
    assert found[captured] == 5_501
    assert found["paykeel_recovery_lag_seconds", (live,)] == 12
    timed = (live, ("stage", "purchase"))
    assert found["paykeel_latency_seconds_count", timed] == 7
    assert found["paykeel_latency_seconds_sum", timed] == 0.09021


def test_families_have_their_type_and_meaning() -> None:
    families = {
        family.name: family
        for family in text_string_to_metric_families(render([FAILED, CAPTURED, TOOK, LAG]))
    }
    types = {name: family.type for name, family in families.items()}
    assert types == {
        "paykeel_purchases_failed": "counter",
        "paykeel_amount_captured_minor_units": "counter",
        "paykeel_latency_seconds": "histogram",
        "paykeel_recovery_lag_seconds": "gauge",
    }
    assert families["paykeel_recovery_lag_seconds"].documentation == (
        CATALOGUE["recovery_lag"].meaning
    )


def test_a_histogram_grows_to_its_count() -> None:
    datum = Datum("latency", (("mode", "live"),), AT, 10, ((0, 1), (8, 2), (153, 3), (304, 4)), 1)
    found = parsed(datum)
    buckets = {
        dict(labels)["le"]: value
        for (name, labels), value in found.items()
        if name.endswith("_bucket")
    }
    # One microsecond, two, a little more than half a second, everything.
    assert buckets["0.000001"] == 1
    assert buckets["0.000002"] == 3
    assert buckets["0.524288"] == 3
    assert buckets["1.048576"] == 6
    assert buckets["+Inf"] == 10
    ordered = [value for _, value in sorted(buckets.items(), key=lambda pair: float(pair[0]))]
    assert ordered == sorted(ordered)


def test_labels_are_escaped() -> None:
    odd = 'a"b\\c\nd'
    found = parsed(Datum("purchases_blocked", (("mode", "live"), ("reason", odd)), AT, 1))
    assert found["paykeel_purchases_blocked_total", (("mode", "live"), ("reason", odd))] == 1


def test_money_is_written_exactly() -> None:
    large = 2**63 + 1
    assert render([Datum("amount_captured", (), AT, large)]).endswith(f" {large}\n")


def test_names_follow_the_conventions() -> None:
    for name, metric in CATALOGUE.items():
        assert name_of(name).startswith("paykeel_")
        assert name_of(name).endswith("_total") == (metric.kind is Kind.COUNTER)
    assert len({name_of(name) for name in CATALOGUE}) == len(CATALOGUE)
