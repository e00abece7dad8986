"""The command: ``make bench-fraud``, or ``python -m benchmarks.fraud``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import numpy as np
from cyclopts import App, Parameter
from rich.console import Console
from rich.progress import Progress

from benchmarks.fraud import report, rules_model
from benchmarks.fraud.features import COLUMNS, DELAY_DAYS, Table, features_of, velocities_of
from benchmarks.fraud.judging import judged, scores_of
from benchmarks.fraud.scoring import Quality, Scored, quality
from benchmarks.fraud.simulation import Booleans, Floats, Purchases, Size, simulate
from paykeel.fraud.model import LogisticModel, Missing, read_model
from paykeel.fraud.training import Plan, Row, Trained, train

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2018, 4, 1, tzinfo=UTC)
#: 25 July and 8 August 2018.
TRAINING_DAY, TEST_DAY = 115, 129
WEEK_DAYS = 7
QUICK = Size(customers=500, terminals=1_000, days=150)

app = App(name="benchmarks.fraud", version_flags=[])


@dataclass(frozen=True, slots=True)
class Weeks:
    """Which payments train, and which test."""

    training: Booleans
    test: Booleans

    def of(self, purchases: Purchases) -> Scored:
        """Return what the scores of the test week are held against."""
        here = self.test
        return Scored(purchases.day[here], purchases.customer[here], purchases.fraud[here])


def weeks_of(purchases: Purchases) -> Weeks:
    """Split as the handbook does: a week, a week's delay of the labels, and a week.

    A card that is known to be defrauded is not in the test any more: from the training week, or
    from a day whose labels are known, which those of seven days before the test day are not yet.
    """
    day, fraud = purchases.day, purchases.fraud
    training = (day >= TRAINING_DAY) & (day < TRAINING_DAY + WEEK_DAYS)
    test = np.zeros(len(day), dtype=np.bool_)
    for tested in range(TEST_DAY, TEST_DAY + WEEK_DAYS):
        labelled = fraud & (day >= TRAINING_DAY) & (day < tested - DELAY_DAYS)
        known = np.unique(purchases.customer[labelled])
        test |= (day == tested) & ~np.isin(purchases.customer, known)
    return Weeks(training, test)


def rows_of(purchases: Purchases, table: Table, chosen: Booleans) -> Iterator[Row]:
    """Give payments as the training takes them; each label is known seven days later."""
    columns = {column.name: table[column.name][chosen].tolist() for column in COLUMNS}
    seconds, frauds = purchases.second[chosen].tolist(), purchases.fraud[chosen].tolist()
    for second, fraud, *values in zip(seconds, frauds, *columns.values(), strict=True):
        at = START + timedelta(seconds=second)
        attributes = dict(zip(columns, values, strict=True))
        yield Row(at, attributes, fraud, at + timedelta(days=DELAY_DAYS))


def train_logistic(purchases: Purchases, table: Table) -> Trained:
    """Train on what is known when the test week begins; later labels are there, and unused."""
    day = purchases.day
    chosen = (day >= TRAINING_DAY) & (day < TEST_DAY + WEEK_DAYS)
    ends_at = START + timedelta(days=TEST_DAY + WEEK_DAYS + DELAY_DAYS)
    plan = Plan(test_from=START + timedelta(days=TEST_DAY), ends_at=ends_at)
    return train(rows_of(purchases, table, chosen), COLUMNS, name="handbook", plan=plan)


def logistic_scores(
    model: LogisticModel, purchases: Purchases, table: Table, test: Booleans
) -> Floats:
    """Score the test week one payment at a time, as a purchase would be."""
    scores = []
    for row in rows_of(purchases, table, test):
        score = model.score(row.attributes)
        assert not isinstance(score, Missing)
        scores.append(score)
    return np.array(scores)


def measure(found: report.Report, purchases: Purchases, weeks: Weeks, table: Table) -> None:
    """Fit and score each model, and put its line into the report."""
    tested = weeks.of(purchases)

    started = perf_counter()
    found.trained = train_logistic(purchases, table)
    model = read_model(found.trained.model.canonical())
    scores = logistic_scores(model, purchases, table, weeks.test)
    found.lines.append(
        _line("Paykeel's logistic score", quality(tested, scores), started, "JSON weights")
    )

    started = perf_counter()
    velocities = velocities_of(purchases)
    training, test = (
        {name: column[part] for name, column in velocities.items()}
        for part in (weeks.training, weeks.test)
    )
    found.rules = rules_model.fit(training, purchases.fraud[weeks.training])
    fitted = perf_counter()
    scores = scores_of(judged(found.rules, test))
    found.judgements_a_second = len(scores) / (perf_counter() - fitted)
    # Written twice, once in CEL and once for whole columns: both must say the same of everything.
    assert np.array_equal(scores, rules_model.columns_scored(found.rules, test))
    found.lines.append(
        _line("Rules, threat model known", quality(tested, scores), started, "judge(), CEL")
    )

    started = perf_counter()
    less = rules_model.fit(
        training, purchases.fraud[weeks.training], rules_model.FAMILIES_LESS_KNOWING
    )
    scores = scores_of(judged(less, test))
    found.lines.append(
        _line("The same, no fixed amount", quality(tested, scores), started, "judge(), CEL")
    )

    for what, scores in (
        ("Nobody can do better", tested.fraud.astype(np.float64)),
        ("Random, here", np.random.default_rng(0).random(len(tested.day))),
    ):
        started = perf_counter()
        found.lines.append(_line(what, quality(tested, scores), started, "for comparison"))


def _line(what: str, found: Quality, started: float, how: str) -> report.Line:
    return report.Line(what, found, perf_counter() - started, how)


@app.default
def bench(
    *,
    quick: bool = False,
    json: Annotated[Path | None, Parameter(name="--json")] = None,
) -> int:
    """Simulate card payments as the Fraud Detection Handbook does, and look for the frauds.

    Ends with 1 when the counts of the simulation are not the published ones.

    Args:
        quick: A tenth of the customers and terminals: a look at whether it runs at all.
        json: Write everything into this file, too.
    """
    size = QUICK if quick else Size()
    started = perf_counter()
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Simulating customers", total=size.customers)
        purchases, counts = simulate(size, lambda: progress.advance(task))
        simulated_s = perf_counter() - started
        progress.update(task, description="Features and models", total=None)
        started = perf_counter()
        table = features_of(purchases)
        weeks = weeks_of(purchases)
        found = report.Report(
            command="make bench-fraud" + (' ARGS="--quick"' if quick else ""),
            whole=not quick,
            counts=counts,
            simulated_s=simulated_s,
            features_s=perf_counter() - started,
            fitted=int(weeks.training.sum()),
            fitted_frauds=int(purchases.fraud[weeks.training].sum()),
            tested=int(weeks.test.sum()),
            tested_frauds=int(purchases.fraud[weeks.test].sum()),
        )
        measure(found, purchases, weeks, table)
    report.show(found, Console(file=sys.stdout))
    if json is not None:
        report.write(json, found)
    return 0 if found.right else 1


if __name__ == "__main__":
    sys.exit(app())
