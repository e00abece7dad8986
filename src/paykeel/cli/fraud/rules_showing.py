"""Shows rulesets, plans and activations to people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.cli.fraud.ruleset_files import show_mistakes
from paykeel.errors import RulesetRefused
from paykeel.fraud.documents import write_yaml
from paykeel.fraud.rules import default_ruleset_text
from paykeel.fraud.stored import DEFAULT, read_stored

if TYPE_CHECKING:
    from paykeel.cli.context import Output
    from paykeel.fraud.judge import CompiledRuleset
    from paykeel.fraud.plans import Plan
    from paykeel.fraud.rulesets import Activation, Active, Stored


def show_plan(out: Output, made: Plan) -> None:
    """Print what storing a ruleset would change."""
    origin = "nothing before" if made.version_from is None else f"version {made.version_from}"
    out.line(f"{made.ruleset} {made.version_to}, compared with {origin}:")
    out.table(
        ("rule", "change", "version", "fields"),
        [
            (
                one.key,
                one.change,
                " -> ".join(str(n) for n in (one.version_from, one.version_to) if n is not None),
                ", ".join(one.fields),
            )
            for one in made.rules
        ],
        prose=("fields",),
    )
    if made.parts:
        out.table(
            ("what", "name", "change", "before", "after"),
            [(one.part, one.name, one.change, one.before, one.after) for one in made.parts],
            prose=("before", "after"),
        )
    show_mistakes(out, made.warnings, "Allowed, and doubtful")


def show_version(out: Output, stored: Stored) -> None:
    """Print a version so that it can be changed and applied again."""
    out.document({**stored.summary(), "document": stored.document})
    if out.json:
        return
    if (stored.ruleset, stored.ruleset_version) == (DEFAULT, 0):
        out.line(default_ruleset_text())
        return
    try:
        # In the order of the documentation, which the database does not keep.
        document = read_stored(stored).document()
    except RulesetRefused:
        document = dict(stored.document)
    out.line(write_yaml(document))


def show_active(out: Output, active: Active) -> None:
    """Print what is in force."""
    live, beside = active.live.ruleset, active.shadow
    out.facts(
        {
            "live": f"{live.name} {live.version}",
            "in the shadow": beside and f"{beside.ruleset.name} {beside.ruleset.version}",
        }
    )
    for told in active.unusable:
        out.line(f"Unusable: {told}")


def in_force(compiled: CompiledRuleset) -> dict[str, Any]:
    """Return which ruleset judges, and by how much, as values for JSON."""
    ruleset = compiled.ruleset
    return {
        "ruleset": ruleset.name,
        "version": ruleset.version,
        "rules_live": len(compiled.live),
        "rules_shadow": len(compiled.shadow),
        "limits": dict(ruleset.limits),
    }


def show_activation(out: Output, activation: Activation) -> None:
    """Print one activation."""
    document = activation.document()
    out.document(document)
    out.facts(
        {
            "activation": activation.activation_id,
            "place": activation.place,
            "ruleset": named(activation),
            "status": activation.status,
            "tried on": ", ".join(f"{k} {v}" for k, v in activation.evidence.items()) or None,
            "asked by": activation.requested_by,
            "approved by": activation.approved_by,
        }
    )


def named(activation: Activation) -> str:
    """Return which version an activation is about."""
    if activation.ruleset is None:
        return "none"
    return f"{activation.ruleset} {activation.ruleset_version}"
