"""Reads a refund policy from a document, and lists everything that is wrong with it. Pure."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from paykeel.cardnumbers import refuse_card_numbers
from paykeel.errors import CardNumberRefused, InvalidField, RefundPolicyRefused
from paykeel.fraud.documents import read_yaml
from paykeel.fraud.reading import Reading, join
from paykeel.fraud.ruleset import Mistake
from paykeel.money import AMOUNT_MAX, exponent_of
from paykeel.refunds.conditions import read_condition
from paykeel.refunds.covering import check_cover
from paykeel.refunds.policy import (
    ANY,
    WHOLE_BPS,
    Approval,
    ApprovalWhen,
    Component,
    ComponentRule,
    Given,
    OnUnknown,
    PolicyScope,
    ReasonRule,
    Refundable,
    RefundPolicy,
    RefundReason,
    StatutoryFloor,
    Tier,
)
from paykeel.refunds.rounding import Rounding
from paykeel.terms.scopes import check_jurisdiction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TITLE_CHARACTERS_MAX = 100
TIERS_MAX = 20
FLOORS_MAX = 10
JURISDICTIONS_MAX = 60
REFUNDS_MAX = 100
UNITS_MAX = 1_000

_ROLES = (ANY, "agent", "operator")
_REQUIRED = ("key", "title")
_OPTIONAL = (
    "scope",
    "currency",
    "rounding",
    "unknown",
    "approval",
    "max_refunds",
    "min_refund",
    "tiers",
    "otherwise",
    "components",
    "exceptions",
    "statutory_floor",
)
_GIVEN = ("fee", "fee_cap_bps", "units_kept")


def policy_of_text(text: str) -> RefundPolicy:
    """Read a policy from YAML text, of which JSON is a part.

    Raises:
        RefundPolicyRefused: ``data["mistakes"]`` lists each with code, path, message, and the line
            and column where the text cannot be read.
    """
    document = read_yaml(text)
    if isinstance(document, Mistake):
        raise _refused([document])
    return _policy_of(document)


def policy_of(document: Mapping[str, Any]) -> RefundPolicy:
    """Read a policy from the values of its document, and check it whole.

    Raises:
        RefundPolicyRefused: ``data["mistakes"]`` lists each with code, path and message.
    """
    return _policy_of(document)


def _policy_of(document: object) -> RefundPolicy:
    reading = Reading()
    try:
        refuse_card_numbers(document, "")  # type: ignore[arg-type]
    except CardNumberRefused as error:
        reading.refuse(error.code, error.field, error.message)
        raise _refused(reading.mistakes) from None
    top = reading.fields(document, "", _REQUIRED, _OPTIONAL)
    choose, otherwise = reading.choice, top.get("otherwise")
    policy = RefundPolicy(
        key=reading.name(top["key"], "key") if "key" in top else "",
        title=reading.text(top.get("title", "-"), "title", TITLE_CHARACTERS_MAX),
        scope=_scope(reading, top.get("scope", {})),
        currency=_currency(reading, top.get("currency")),
        rounding=choose(top.get("rounding", "half_up"), "rounding", Rounding) or Rounding.HALF_UP,
        unknown=choose(top.get("unknown", "ask"), "unknown", OnUnknown) or OnUnknown.ASK,
        approval=_approval(reading, top.get("approval", {"when": "outside_policy"})),
        max_refunds=_optional(reading, top, "max_refunds", REFUNDS_MAX),
        min_refund=_optional(reading, top, "min_refund", AMOUNT_MAX),
        tiers=_tiers(reading, top.get("tiers")),
        otherwise=None if otherwise is None else _given(reading, otherwise, "otherwise", ()),
        components=_components(reading, top.get("components", {})),
        exceptions=_exceptions(reading, top.get("exceptions", {})),
        statutory_floor=_floors(reading, top.get("statutory_floor")),
    )
    _check_currency(reading, policy)
    # Only what was understood can be measured: a tier that is wrong would look like a gap.
    if not reading.mistakes:
        has_otherwise = otherwise is not None
        check_cover(reading, policy.tiers, policy.statutory_floor, has_otherwise=has_otherwise)
    if reading.mistakes:
        raise _refused(reading.mistakes)
    return policy


def _refused(mistakes: Sequence[Mistake]) -> RefundPolicyRefused:
    """Return the error that lists the mistakes; its message tells of the first."""
    many = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    first = mistakes[0]
    where = f" at {first.path}" if first.path else ""
    return RefundPolicyRefused(
        f"The refund policy has {many}; the first{where}: {first.message}",
        mistakes=[mistake.document() for mistake in mistakes],
    )


def _scope(reading: Reading, value: object) -> PolicyScope:
    parts = tuple(PolicyScope.__slots__)
    fields = reading.fields(value, "scope", (), parts)
    found: dict[str, str] = {}
    for name in parts:
        part = fields.get(name, ANY)
        if part == ANY:
            continue
        path = f"scope.{name}"
        if name == "jurisdiction":
            found[name] = _jurisdiction(reading, part, path)
        elif name != "buyer_role":
            found[name] = reading.name(part, path)
        elif part in _ROLES:
            found[name] = part
        else:
            reading.refuse("choice_unknown", path, f"It is one of {', '.join(_ROLES)}.")
    return PolicyScope(**found)


def _jurisdiction(reading: Reading, value: object, path: str) -> str:
    try:
        return check_jurisdiction(value, path)
    except InvalidField as error:
        reading.refuse(error.code, path, error.message)
        return ANY


def _currency(reading: Reading, value: object) -> str | None:
    if value is None:
        return None
    try:
        exponent_of(value)
    except InvalidField as error:
        reading.refuse(error.code, "currency", error.message)
    return str(value)


def _approval(reading: Reading, value: object) -> Approval:
    fields = reading.fields(value, "approval", ("when",), ("over", "four_eyes"))
    when = reading.choice(fields.get("when", "always"), "approval.when", ApprovalWhen)
    if (when is ApprovalWhen.OVER_AMOUNT) is not ("over" in fields):
        message = "over_amount has an amount, and nothing else has."
        reading.refuse("over_misplaced", "approval.over", message)
    return Approval(
        when or ApprovalWhen.ALWAYS,
        _optional(reading, fields, "over", AMOUNT_MAX, "approval.", least=0),
        reading.boolean(fields.get("four_eyes", False), "approval.four_eyes"),
    )


def _optional(
    reading: Reading,
    fields: Mapping[str, Any],
    name: str,
    most: int,
    before: str = "",
    least: int = 1,
) -> int | None:
    """Return an integer that may be left out."""
    if name not in fields:
        return None
    return reading.integer(fields[name], f"{before}{name}", least, most)


def _bps(reading: Reading, value: object, path: str) -> int:
    return reading.integer(value, path, 0, WHOLE_BPS)


def _tiers(reading: Reading, value: object) -> tuple[Tier, ...]:
    found: list[Tier] = []
    for place, item in enumerate(reading.items(value, "tiers", TIERS_MAX)):
        path = f"tiers[{place}]"
        given = _given(reading, item, path, ("name", "when"))
        fields = item if isinstance(item, dict) else {}
        name = reading.name(fields.get("name", f"tier_{place + 1}"), f"{path}.name")
        if name and name in {tier.name for tier in found}:
            reading.refuse("name_repeated", f"{path}.name", f"The tier {name} is there already.")
        if "when" not in fields:
            reading.refuse("field_required", f"{path}.when", "The field when is missing.")
            continue
        when = read_condition(reading, fields["when"], f"{path}.when")
        if when is not None:
            found.append(Tier(name, when, given))
    return tuple(found)


def _given(reading: Reading, value: object, path: str, beside: Sequence[str]) -> Given:
    """Read what is given; other fields of the same object are read by the caller."""
    fields = reading.fields(value, path, ("percent_bps",), (*beside, *_GIVEN))
    cap = fields.get("fee_cap_bps")
    given = Given(
        percent_bps=_bps(reading, fields.get("percent_bps", 0), join(path, "percent_bps")),
        fee=reading.integer(fields.get("fee", 0), join(path, "fee"), 0, AMOUNT_MAX),
        fee_cap_bps=None if cap is None else _bps(reading, cap, join(path, "fee_cap_bps")),
        units_kept=reading.integer(
            fields.get("units_kept", 0), join(path, "units_kept"), 0, UNITS_MAX
        ),
    )
    if cap is not None and not given.fee:
        reading.refuse("cap_without_fee", join(path, "fee_cap_bps"), "There is no fee.")
    if "percent_bps" in fields and not given.percent_bps:
        for name in ("fee", "units_kept"):
            if getattr(given, name):
                message = "Nothing is given back of which it could be kept."
                reading.refuse("nothing_to_keep_of", join(path, name), message)
    return given


def _components(reading: Reading, value: object) -> Mapping[Component, ComponentRule]:
    fields = reading.fields(value, "components", (), tuple(Component))
    found: dict[Component, ComponentRule] = {}
    for component in Component:
        if component not in fields:
            continue
        path = f"components.{component}"
        rule = reading.fields(fields[component], path, ("refundable",), ("percent_bps",))
        refundable = reading.choice(
            rule.get("refundable", "inherit"), f"{path}.refundable", Refundable
        )
        if "percent_bps" in rule and refundable is not Refundable.YES:
            message = "Only what is refundable: yes has a percent of its own."
            reading.refuse("percent_misplaced", f"{path}.percent_bps", message)
        percent = _bps(reading, rule.get("percent_bps", WHOLE_BPS), f"{path}.percent_bps")
        found[component] = ComponentRule(refundable or Refundable.INHERIT, percent)
    return MappingProxyType(found)


def _exceptions(reading: Reading, value: object) -> Mapping[RefundReason, ReasonRule]:
    fields = reading.fields(value, "exceptions", (), tuple(RefundReason))
    found: dict[RefundReason, ReasonRule] = {}
    for reason in RefundReason:
        if reason not in fields:
            continue
        path = f"exceptions.{reason}"
        rule = reading.fields(fields[reason], path, ("percent_bps",), ("bypass_tiers",))
        found[reason] = ReasonRule(
            _bps(reading, rule.get("percent_bps", 0), f"{path}.percent_bps"),
            reading.boolean(rule.get("bypass_tiers", False), f"{path}.bypass_tiers"),
        )
    return MappingProxyType(found)


def _floors(reading: Reading, value: object) -> tuple[StatutoryFloor, ...]:
    found: list[StatutoryFloor] = []
    for place, item in enumerate(reading.items(value, "statutory_floor", FLOORS_MAX)):
        path = f"statutory_floor[{place}]"
        required = ("name", "jurisdictions", "when", "percent_bps")
        fields = reading.fields(item, path, required, ("reasons", "components"))
        name = reading.name(fields["name"], f"{path}.name") if "name" in fields else ""
        if name and name in {floor.name for floor in found}:
            reading.refuse("name_repeated", f"{path}.name", f"The floor {name} is there already.")
        where, at = f"{path}.jurisdictions", fields.get("jurisdictions", [ANY])
        places = reading.items(at, where, JURISDICTIONS_MAX)
        if "jurisdictions" in fields and not places:
            reading.refuse("out_of_range", where, "Name at least one, or *.")
        when = read_condition(reading, fields["when"], f"{path}.when") if "when" in fields else None
        reasons = reading.items(fields.get("reasons"), f"{path}.reasons", len(RefundReason))
        kinds = reading.items(fields.get("components"), f"{path}.components", len(Component))
        floor_reasons = [
            reading.choice(one, f"{path}.reasons[{at}]", RefundReason)
            for at, one in enumerate(reasons)
        ]
        floor_components = [
            reading.choice(one, f"{path}.components[{at}]", Component)
            for at, one in enumerate(kinds)
        ]
        if when is None:
            continue
        found.append(
            StatutoryFloor(
                name=name,
                jurisdictions=tuple(
                    one if one == ANY else _jurisdiction(reading, one, f"{where}[{at}]")
                    for at, one in enumerate(places)
                ),
                reasons=tuple(one for one in floor_reasons if one) or tuple(RefundReason),
                when=when,
                percent_bps=_bps(reading, fields.get("percent_bps", 0), f"{path}.percent_bps"),
                components=tuple(one for one in floor_components if one) or tuple(Component),
            )
        )
    return tuple(found)


def _check_currency(reading: Reading, policy: RefundPolicy) -> None:
    """An amount without a currency would be cents here and yen there."""
    if policy.currency is not None:
        return
    amounts = {
        "min_refund": policy.min_refund,
        "approval.over": policy.approval.over,
        "otherwise.fee": policy.otherwise and policy.otherwise.fee,
        **{f"tiers[{place}].fee": tier.give.fee for place, tier in enumerate(policy.tiers)},
    }
    for path, amount in amounts.items():
        if amount:
            reading.refuse("currency_required", path, "Name the currency of this amount.")
