"""Training: only what was known in time counts, and the figures are those of the model."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from paykeel.errors import InvalidField, Misconfigured
from paykeel.fraud.model import Kind, Missing, read_model
from paykeel.fraud.training import Column, Plan, Row, _module, split_time, train

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DELAY = timedelta(days=7)
COLUMNS = (Column("amount", Kind.INT), Column("fresh", Kind.BOOL), Column("constant", Kind.DOUBLE))
ROWS = 2_000
PLAN = Plan(test_from=START + 1_500 * HOUR, ends_at=START + ROWS * HOUR + DELAY)


def history(seed: int = 1) -> list[Row]:
    """Make a purchase an hour; the dearer it is, the more often it is fraud."""
    chance = random.Random(seed)
    rows = []
    for hour in range(ROWS):
        amount, fresh = chance.randint(1, 10_000), chance.random() < 0.3
        fraud = chance.random() < amount / 25_000 + 0.2 * fresh
        at = START + hour * HOUR
        values = {"amount": amount, "fresh": fresh, "constant": 1.5}
        rows.append(Row(at, values, fraud, at + DELAY))
    return rows


def test_it_finds_what_was_put_in() -> None:
    trained = train(history(), COLUMNS, name="sample", plan=PLAN)
    weights = {one.name: one.weight for one in trained.model.features}
    assert weights["amount"] > 0.3
    assert weights["fresh"] > 0.2
    assert weights["constant"] == 0
    assert 0.6 < trained.figures.auc < 0.9
    assert trained.figures.average_precision > 0.3
    assert 0 < trained.figures.brier < 0.25
    shares = [one.fraud_share for one in trained.figures.calibration]
    scores = [one.mean_score for one in trained.figures.calibration]
    assert sum(one.purchases for one in trained.figures.calibration) == trained.figures.tested
    assert scores == sorted(scores)
    assert shares[-1] > shares[0]


def test_the_model_can_be_read_again_and_scores_in_plain_python() -> None:
    model = train(history(), COLUMNS, name="sample", plan=PLAN).model
    assert read_model(model.canonical()) == model
    dear = model.score({"amount": 9_000, "fresh": True, "constant": 1.5})
    cheap = model.score({"amount": 100, "fresh": False, "constant": 1.5})
    assert isinstance(dear, float)
    assert isinstance(cheap, float)
    assert dear > cheap
    assert model.score({"amount": 1, "fresh": True}) == Missing("constant")


def test_labels_of_the_last_week_before_the_split_are_not_known_yet() -> None:
    figures = train(history(), COLUMNS, name="sample", plan=PLAN).figures
    # Hours 0 to 1332 had their label by hour 1500; those after it did not.
    assert (figures.fitted, figures.unlabelled, figures.tested) == (1_333, 167, 500)


def test_what_becomes_known_later_changes_nothing() -> None:
    rows = history()
    told = train(rows, COLUMNS, name="sample", plan=PLAN)
    turned = [
        replace(row, fraud=not row.fraud)
        if row.at < PLAN.test_from and row.at + DELAY > PLAN.test_from
        else row
        for row in rows
    ]
    later = [replace(rows[0], at=PLAN.ends_at + HOUR, known_at=PLAN.ends_at + HOUR)] * 50
    never = [replace(rows[0], known_at=None)] * 50
    again = train([*turned, *later, *never], COLUMNS, name="sample", plan=PLAN)
    assert again.model == told.model
    assert again.figures == replace(told.figures, unlabelled=told.figures.unlabelled + 50)


def test_a_label_that_is_known_in_time_does_change_it() -> None:
    rows = history()
    turned = [replace(row, fraud=not row.fraud) if place < 50 else row
              for place, row in enumerate(rows)]  # fmt: skip
    one, other = (train(each, COLUMNS, name="sample", plan=PLAN).model for each in (rows, turned))
    assert one.sha256 != other.sha256


def test_it_gives_the_same_model_every_time() -> None:
    one, other = (train(history(), COLUMNS, name="sample", plan=PLAN).model for _ in range(2))
    assert one.sha256 == other.sha256


def test_rows_without_a_value_are_counted_apart_unless_it_has_a_default() -> None:
    rows = history()
    rows[3] = replace(rows[3], attributes={"amount": 5, "constant": 1.5})
    assert train(rows, COLUMNS, name="sample", plan=PLAN).figures.incomplete == 1
    columns = (COLUMNS[0], Column("fresh", Kind.BOOL, default=0.0), COLUMNS[2])
    trained = train(rows, columns, name="sample", plan=PLAN)
    assert trained.figures.incomplete == 0
    assert trained.model.features[1].default == 0.0


@pytest.mark.parametrize(
    "plan",
    [
        replace(PLAN, test_from=START + DELAY),
        replace(PLAN, test_from=START + ROWS * HOUR),
        replace(PLAN, ends_at=PLAN.test_from + DELAY),
    ],
)
def test_too_few_known_labels_are_refused(plan: Plan) -> None:
    with pytest.raises(InvalidField) as caught:
        train(history(), COLUMNS, name="sample", plan=plan)
    assert caught.value.code == "training_labels_too_few"


def test_a_name_that_no_model_can_have_is_refused() -> None:
    with pytest.raises(InvalidField) as caught:
        train(history(), COLUMNS, name="No Name", plan=PLAN)
    assert caught.value.code == "model_name_malformed"


def test_the_split_leaves_the_newest_labelled_part_for_the_test() -> None:
    rows = history()
    assert split_time(rows, PLAN.ends_at) == START + 1_500 * HOUR
    assert split_time(rows, START + DELAY + 99 * HOUR, 10) == START + 90 * HOUR
    with pytest.raises(InvalidField) as caught:
        split_time(rows, START)
    assert caught.value.code == "training_labels_too_few"


def test_without_the_extra_it_says_what_to_install() -> None:
    with pytest.raises(Misconfigured, match=r"pip install 'paykeel\[train\]'") as caught:
        _module("sklearn.no_such_part")
    assert caught.value.code == "training_not_installed"
    assert caught.value.data == {"module": "sklearn.no_such_part"}
