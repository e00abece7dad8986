"""A small part of the simulation: the same every time, and its first customers never change."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from dataclasses import astuple, replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from benchmarks.fraud import rules_model
from benchmarks.fraud.features import COLUMNS, features_of, trailing, velocities_of
from benchmarks.fraud.report import Report
from benchmarks.fraud.simulation import (
    DAY_S,
    PUBLISHED,
    Counts,
    Purchases,
    Size,
    customers_of,
    near,
    purchases_of,
    simulate,
    terminals_of,
)
from paykeel.fraud.model import model_of

ROOT = Path(__file__).parents[2]
SMALL = Size(customers=200, terminals=1_000, days=60)


@pytest.fixture(scope="module")
def small() -> tuple[Purchases, Counts]:
    return simulate(SMALL)


def test_it_is_the_same_every_time(small: tuple[Purchases, Counts]) -> None:
    purchases, counts = simulate(SMALL)
    assert counts == small[1]
    for one, other in zip(astuple(purchases), astuple(small[0]), strict=True):
        assert np.array_equal(one, other)


def test_the_small_one_has_these_counts(small: tuple[Purchases, Counts]) -> None:
    purchases, counts = small
    assert counts == Counts(22_638, 2_371, (10, 1_000, 1_361), (8, 926, 1_437))
    assert counts.frauds == sum(counts.added) == sum(counts.final) == purchases.fraud.sum()
    assert int(purchases.amount_cents.sum()) == 159_218_937


def test_the_first_customers_of_the_whole_one_buy_exactly_this() -> None:
    terminals = terminals_of(Size())
    made = [
        purchases_of(one, near(one, terminals), Size().days)
        for one in customers_of(Size(customers=20))
    ]
    assert sum(len(seconds) for seconds, _, _ in made) == 6_115
    assert sum(sum(seconds) for seconds, _, _ in made) == 48_953_984_307
    assert sum(sum(places) for _, places, _ in made) == 30_663_081
    assert sum(round(amount * 100) for _, _, amounts in made for amount in amounts) == 32_739_243


def test_the_first_customers_are_the_same_for_every_size() -> None:
    assert customers_of(Size())[: SMALL.customers] == customers_of(SMALL)


def test_payments_stand_in_the_order_of_time(small: tuple[Purchases, Counts]) -> None:
    purchases, _ = small
    assert np.all(np.diff(purchases.second) >= 0)
    assert np.all(purchases.second % DAY_S > 0)
    assert np.all(purchases.amount_cents >= 0)
    first = purchases.scenario == 1
    assert np.all(purchases.amount_cents[first] > 22_000)


@pytest.mark.parametrize(("window", "lag"), list(product((1, 7), (0, 7))))
def test_a_window_holds_what_its_definition_says(window: int, lag: int) -> None:
    chance = random.Random(window + lag)
    second = np.sort([chance.randint(0, 20) * DAY_S // 2 for _ in range(300)])
    group = np.array([chance.randint(0, 3) for _ in range(300)])
    values = np.array([chance.randint(1, 100) for _ in range(300)])
    found = trailing(group, second, window, lag)
    counts, totals = found.count, found.total(values)
    for place in range(300):
        end = int(second[place]) - lag * DAY_S
        start = end - window * DAY_S
        inside = (group == group[place]) & (second > start) & (second <= end)
        if not lag:
            inside &= np.arange(300) <= place
        assert counts[place] == inside.sum()
        assert totals[place] == values[inside].sum()


def test_every_feature_of_the_model_is_there(small: tuple[Purchases, Counts]) -> None:
    table = features_of(small[0])
    assert set(table) == {column.name for column in COLUMNS}
    assert len(table) == len(COLUMNS) == 15
    assert all(np.all(np.isfinite(column)) for column in table.values())


def test_a_payment_does_not_count_itself(small: tuple[Purchases, Counts]) -> None:
    purchases, _ = small
    table = velocities_of(purchases)
    _, firsts = np.unique(purchases.customer, return_index=True)
    for name in ("attempts_1d", "attempts_30d", "sum_1d", "sum_30d"):
        assert not np.any(table[f"velocity.buyer_{name}"][firsts])


def test_rules_are_fitted_to_what_they_are_given_and_to_nothing_else(
    small: tuple[Purchases, Counts],
) -> None:
    purchases, _ = small
    table = velocities_of(purchases)
    early = purchases.day < 40
    part = {name: column[early] for name, column in table.items()}
    rules = rules_model.fit(part, purchases.fraud[early])
    assert rules
    for rule in rules:
        hits = rule.family.matches(part, rule.limits)
        assert (rule.payments, rule.frauds) == (hits.sum(), (hits & purchases.fraud[early]).sum())
        assert 0 < rule.score <= rules_model.SCORE_MAX
    scores = rules_model.columns_scored(rules, table)
    assert 0 <= scores.min() < scores.max() <= 100


def test_the_ruleset_names_only_what_it_declares(small: tuple[Purchases, Counts]) -> None:
    purchases, _ = small
    rules = rules_model.fit(velocities_of(purchases), purchases.fraud)
    document = rules_model.document(rules)
    for rule in document["rules"]:
        names = {word.strip("()") for word in rule["when"].split() if "." in word}
        declared = (
            {"payment.amount_ref"}
            | {f"limit.{name}" for name in document["limits"]}
            | {f"velocity.{name}" for name in document["velocities"]}
        )
        assert names <= declared


def test_only_the_published_counts_are_right() -> None:
    off = replace(PUBLISHED, frauds=PUBLISHED.frauds + 1)
    rights = [
        Report("", whole, counts, 0.0, 0.0, 0, 0, 0, 0).right
        for whole, counts in ((True, PUBLISHED), (True, off), (False, off))
    ]
    assert rights == [True, False, True]


def test_the_quick_run_goes_through_and_writes_its_file(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    command = [sys.executable, "-m", "benchmarks.fraud", "--quick", "--json", str(path)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert "nothing here can be compared" in " ".join(done.stdout.split())
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["counts_right"] is None
    measured = {line["what"]: line["found"] for line in found["measured"]}
    best = measured["Nobody can do better"]
    assert (best["auc"], best["average_precision"]) == (1.0, 1.0)
    assert measured["Paykeel's logistic score"]["auc"] > 0.7
    assert measured["Rules, threat model known"]["auc"] > 0.7
    assert model_of(found["model"]["document"]).sha256 == found["model"]["sha256"]
