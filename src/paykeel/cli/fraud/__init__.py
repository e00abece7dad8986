"""``paykeel fraud``: rules, lists, reviews, alerts, and why a purchase was judged as it was."""

from __future__ import annotations

from cyclopts import App

app = App(name="fraud", help="Rules, lists, reviews and alerts of fraud prevention.")

# Named and not imported: a command's own libraries are loaded when it is called.
for name, place, about in (
    ("rules", "rules:app", "Check, plan and store rulesets, and let them go live."),
    ("lists", "lists:app", "Put values on lists, take them off, and show what is there."),
    ("backtest", "backtest:backtest", "Try a ruleset on the past."),
    ("shadow", "shadow:shadow", "Show what runs in the shadow, beside what was done."),
    ("alerts", "alerts:app", "List alerts, and acknowledge them."),
    ("explain", "explain:explain", "Show why a purchase was judged as it was."),
    ("reviews", "reviews:app", "Payments that are held for a person: list, show, decide."),
    ("labels", "labels:app", "What turned out afterwards: fraud or genuine, and since when."),
    ("train", "models:train", "Train a score on labelled history; it stays off."),
    ("models", "models:app", "Models for ml.score: list, show, enable and disable them."),
):
    app.command(f"paykeel.cli.fraud.{place}", name=name, help=about)
