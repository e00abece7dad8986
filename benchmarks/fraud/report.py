"""The report: a table beside the published one, and a JSON file for whoever compares two runs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from platform import python_version
from typing import TYPE_CHECKING, Any

from rich.table import Table

from benchmarks.fraud.scoring import Quality
from benchmarks.fraud.simulation import PUBLISHED, Counts

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from benchmarks.fraud.rules_model import FittedRule
    from paykeel.fraud.training import Trained

#: The handbook's table for this week of training and this week of tests.
HANDBOOK = {
    "Logistic regression": Quality(0.871, 0.606, 0.291),
    "Decision tree, depth 2": Quality(0.763, 0.496, 0.241),
    "Decision tree, unlimited": Quality(0.788, 0.309, 0.243),
    "Random forest": Quality(0.867, 0.658, 0.287),
    "XGBoost": Quality(0.862, 0.639, 0.273),
    "Random": Quality(0.5, 0.007, 0.017),
}

#: What the figures can depend on.
USED = ("paykeel", "numpy", "scikit-learn", "cel-expr-python")


@dataclass(slots=True)
class Line:
    """One model: what was measured here, how long it took, and how it was run."""

    what: str
    found: Quality
    seconds: float
    how: str


@dataclass(slots=True)
class Report:
    """Everything that one run found."""

    command: str
    whole: bool
    counts: Counts
    simulated_s: float
    features_s: float
    fitted: int
    fitted_frauds: int
    tested: int
    tested_frauds: int
    lines: list[Line] = field(default_factory=list)
    trained: Trained | None = None
    rules: tuple[FittedRule, ...] = ()
    #: Attributes put together and judged by the rules, on one core.
    judgements_a_second: float = 0.0

    @property
    def right(self) -> bool:
        """Return whether the counts are the published ones; a small run has none to meet."""
        return not self.whole or self.counts == PUBLISHED

    def document(self) -> dict[str, Any]:
        """Return it for the JSON file."""
        return {
            "command": self.command,
            "versions": {"python": python_version(), **{name: version(name) for name in USED}},
            "whole": self.whole,
            "counts": asdict(self.counts),
            "counts_published": asdict(PUBLISHED),
            "counts_right": self.right if self.whole else None,
            "seconds": {"simulation": self.simulated_s, "features": self.features_s},
            "training": {"payments": self.fitted, "frauds": self.fitted_frauds},
            "test": {"payments": self.tested, "frauds": self.tested_frauds},
            "published": {what: asdict(quality) for what, quality in HANDBOOK.items()},
            "measured": [asdict(line) for line in self.lines],
            "model": None
            if self.trained is None
            else {
                "sha256": self.trained.model.sha256,
                "document": self.trained.model.document(),
                "figures_on_the_whole_test_week": asdict(self.trained.figures),
            },
            "judgements_a_second": round(self.judgements_a_second),
            "rules": [
                {
                    "key": rule.key,
                    "when": rule.when,
                    "limits": rule.limits,
                    "score": rule.score,
                    "training_frauds": rule.frauds,
                    "training_payments": rule.payments,
                }
                for rule in self.rules
            ],
        }


def write(path: Path, report: Report) -> None:
    """Write the JSON file."""
    text = json.dumps(report.document(), indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def show(report: Report, console: Console) -> None:
    """Print the counts, the figures and the rules."""
    _show_counts(report, console)
    table = Table("model", "AUC", "AP", "CP@100", "s", "how")
    for column in table.columns[1:5]:
        column.justify = "right"
    for what, quality in HANDBOOK.items():
        table.add_row(what, *_figures(quality), "", "published")
    table.add_section()
    for line in report.lines:
        table.add_row(line.what, *_figures(line.found), f"{line.seconds:.1f}", line.how)
    console.print(table)
    console.print(
        "AP: average precision. CP@100: how many of the 100 cards with the highest scores of a "
        "day are defrauded, a card that was found leaving the days after it."
    )
    console.print("Rules, their limits, points, and what they met in the training week:")
    for rule in report.rules:
        limits = ", ".join(f"{name} {value:,}" for name, value in rule.limits.items())
        console.print(
            f"- {rule.key}: {rule.family.when}; {limits}; {rule.score} points; "
            f"{rule.frauds:,} frauds in {rule.payments:,} matches",
            highlight=False,
        )
    console.print(
        "The rules are fitted to a known threat model: who wrote them knew the three scenarios, "
        "and an amount above 220 is the definition of the first. Their thresholds and scores come "
        "from the training week alone. judge() judged "
        f"{report.judgements_a_second:,.0f} payments a second, on one core."
    )
    if report.trained is not None:
        model = report.trained.model
        console.print(f"Logistic score: {model.name}, sha256 {model.sha256}")
    console.print(f"Everything by: {report.command}")


def _show_counts(report: Report, console: Console) -> None:
    counts = report.counts
    if not report.whole:
        verdict = "a small run: nothing here can be compared with the published figures"
    elif report.right:
        verdict = "exactly the published counts"
    else:
        verdict = f"[red]not the published counts[/red]: {PUBLISHED}"
    console.print(
        f"{counts.purchases:,} payments, {counts.frauds:,} frauds; by scenario "
        f"{_three(counts.added)} as added, {_three(counts.final)} in the end: {verdict}\n"
        f"Simulated in {report.simulated_s:.1f} s, features in {report.features_s:.1f} s. "
        f"Training {report.fitted:,} payments with {report.fitted_frauds:,} frauds, "
        f"test {report.tested:,} with {report.tested_frauds:,}."
    )


def _figures(quality: Quality) -> tuple[str, str, str]:
    return (
        f"{quality.auc:.3f}",
        f"{quality.average_precision:.3f}",
        f"{quality.card_precision:.3f}",
    )


def _three(counts: tuple[int, int, int]) -> str:
    return " / ".join(f"{count:,}" for count in counts)
