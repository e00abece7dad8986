"""Fits the logistic score to labelled purchases, and says how good it is on later ones.

There is no hindsight. The rows are split by time: the model is fitted as if it had been done at
``Plan.test_from``, so only to purchases before it whose label was known by then; it is tested on
purchases from then on whose label was known by ``Plan.ends_at``. What is known later counts
nowhere. The figures belong to exactly the model that is returned.

It needs NumPy and scikit-learn, which the extra ``train`` brings; scoring needs neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from paykeel.errors import InvalidField, Misconfigured
from paykeel.fraud.model import (
    FORMAT,
    SCALE_MIN,
    Attributes,
    Kind,
    LogisticModel,
    model_of,
    value_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from types import ModuleType

ROWS_MAX = 1_000_000
#: Of each kind, fraud and not; with fewer, weights and figures are noise.
FITTED_MIN = 20
TESTED_MIN = 5
CALIBRATION_BINS = 10
ITERATIONS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Row:
    """One past purchase as it stood when it was judged, and what became known of it.

    A label that says "no fraud" has a ``known_at`` as well: when the time in which a dispute could
    still come had passed. None: nothing is known yet.
    """

    at: datetime
    attributes: Attributes
    fraud: bool
    known_at: datetime | None


@dataclass(frozen=True, slots=True)
class Column:
    """One attribute that the model shall use; ``default`` as in `paykeel.fraud.model.Feature`."""

    name: str
    kind: Kind
    default: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """From when purchases test the model, and when the training ends: now, for everybody else."""

    test_from: datetime
    ends_at: datetime
    #: The inverse strength of the penalty on large weights (L2).
    penalty_inverse: float = 1.0


@dataclass(frozen=True, slots=True)
class Bin:
    """Purchases of about the same score: how many, what it promised, and what came."""

    purchases: int
    mean_score: float
    fraud_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How many rows were used for what, and how good the model is on those that it never saw."""

    fitted: int
    fitted_frauds: int
    tested: int
    tested_frauds: int
    #: Rows whose label was not known in time, and rows that lacked a value without a default.
    unlabelled: int
    incomplete: int
    #: The chance that a fraud has a higher score than a good purchase; 0.5 is guessing.
    auc: float
    #: The mean precision over all recalls; guessing has ``tested_frauds / tested``.
    average_precision: float
    #: The mean squared distance between score and truth.
    brier: float
    #: Bins of equally many purchases, from the lowest scores to the highest.
    calibration: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class Trained:
    """A model and its figures."""

    model: LogisticModel
    figures: Figures


@dataclass(slots=True)
class _Part:
    """The rows on one side of the split."""

    values: list[list[float]]
    frauds: list[bool]


def split_time(rows: Iterable[Row], ends_at: datetime, test_percent: int = 25) -> datetime:
    """Return when the newest part of the labelled purchases begins, for `Plan.test_from`.

    Raises:
        InvalidField: ``training_labels_too_few``, where no label was known by ``ends_at``.
    """
    times = sorted(row.at for row in rows if row.known_at is not None and row.known_at <= ends_at)
    if not times:
        raise InvalidField(
            "labels", "training_labels_too_few", "No purchase had a label by the end of training."
        )
    return times[len(times) * (100 - test_percent) // 100]


def train(rows: Iterable[Row], columns: Sequence[Column], *, name: str, plan: Plan) -> Trained:
    """Fit a logistic regression to standardised values, and measure it on later purchases.

    Raises:
        Misconfigured: ``training_not_installed``, with what to install.
        InvalidField: ``training_labels_too_few`` or ``training_rows_too_many``; or, as
            `model_of` raises it, for a name that no model or attribute can have.
    """
    numpy, linear, metrics = (
        _module(each) for each in ("numpy", "sklearn.linear_model", "sklearn.metrics")
    )
    fit, test, unlabelled, incomplete = _split(rows, columns, plan)
    _require(fit.frauds, FITTED_MIN, "before the split")
    _require(test.frauds, TESTED_MIN, "after it")
    matrix = numpy.asarray(fit.values)
    means, scales = matrix.mean(axis=0), matrix.std(axis=0)
    # A value that never changed can tell nothing: its standardised column is 0, so its weight too.
    scales[scales < SCALE_MIN] = 1.0
    regression = linear.LogisticRegression(C=plan.penalty_inverse, max_iter=ITERATIONS_MAX)
    regression.fit((matrix - means) / scales, numpy.asarray(fit.frauds))
    # Through the reader, so that a model which cannot be read again is never handed out.
    model = model_of(
        {
            "format": FORMAT,
            "name": name,
            "intercept": float(regression.intercept_[0]),
            "features": [
                {
                    "name": column.name,
                    "kind": column.kind.value,
                    "default": column.default,
                    "mean": float(means[place]),
                    "scale": float(scales[place]),
                    "weight": float(regression.coef_[0][place]),
                }
                for place, column in enumerate(columns)
            ],
        }
    )
    scores = regression.predict_proba((numpy.asarray(test.values) - means) / scales)[:, 1]
    truth = numpy.asarray(test.frauds)
    figures = Figures(
        fitted=len(fit.frauds),
        fitted_frauds=sum(fit.frauds),
        tested=len(test.frauds),
        tested_frauds=sum(test.frauds),
        unlabelled=unlabelled,
        incomplete=incomplete,
        auc=float(metrics.roc_auc_score(truth, scores)),
        average_precision=float(metrics.average_precision_score(truth, scores)),
        brier=float(metrics.brier_score_loss(truth, scores)),
        calibration=_calibration(numpy, scores, truth),
    )
    return Trained(model, figures)


def _module(name: str) -> ModuleType:
    """Return a module of the extra, or say how to get it."""
    try:
        return import_module(name)
    except ImportError as error:
        raise Misconfigured(
            "Training needs NumPy and scikit-learn: pip install 'paykeel[train]'.",
            code="training_not_installed",
            module=name,
        ) from error


def _split(
    rows: Iterable[Row], columns: Sequence[Column], plan: Plan
) -> tuple[_Part, _Part, int, int]:
    """Put each row where its time and the time of its label let it be; count the others."""
    fit, test = _Part([], []), _Part([], [])
    unlabelled = incomplete = 0
    for number, row in enumerate(rows):
        if number >= ROWS_MAX:
            raise InvalidField(
                "rows", "training_rows_too_many", f"At most {ROWS_MAX:,} purchases can be used."
            )
        if row.at >= plan.ends_at:
            continue
        part, by = (fit, plan.test_from) if row.at < plan.test_from else (test, plan.ends_at)
        if row.known_at is None or row.known_at > by:
            unlabelled += 1
            continue
        values = _values(row.attributes, columns)
        if values is None:
            incomplete += 1
            continue
        part.values.append(values)
        part.frauds.append(row.fraud)
    return fit, test, unlabelled, incomplete


def _values(attributes: Attributes, columns: Sequence[Column]) -> list[float] | None:
    values = []
    for column in columns:
        value = value_of(column.name, column.kind, column.default, attributes)
        if value is None:
            return None
        values.append(value)
    return values


def _require(frauds: Sequence[bool], least: int, where: str) -> None:
    count = sum(frauds)
    if count < least or len(frauds) - count < least:
        raise InvalidField(
            "labels",
            "training_labels_too_few",
            f"Training needs {least} frauds and {least} good purchases {where}, with labels known "
            f"in time; there are {count} and {len(frauds) - count}.",
        )


def _calibration(numpy: Any, scores: Any, truth: Any) -> tuple[Bin, ...]:
    """Cut the scores into bins of equally many, and compare promise and truth in each."""
    order = numpy.argsort(scores, kind="stable")
    return tuple(
        Bin(len(part), float(scores[part].mean()), float(truth[part].mean()))
        for part in numpy.array_split(order, CALIBRATION_BINS)
        if len(part)
    )
