"""Every code that a refused refund policy can carry; codes never change their meaning.

The tables of docs/reference/refund-policies.md are made from these.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from paykeel.fraud import mistakes as rulesets

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Said by the same reader as of rulesets.
_SHARED = (
    "document_too_long",
    "document_too_large",
    "yaml_syntax",
    "yaml_alias",
    "yaml_tag",
    "yaml_key",
    "yaml_duplicate_key",
    "yaml_number",
    "object_required",
    "list_required",
    "field_required",
    "field_unknown",
    "text_required",
    "text_empty",
    "text_too_long",
    "text_not_storable",
    "card_number_refused",
    "integer_required",
    "boolean_required",
    "out_of_range",
    "choice_unknown",
    "too_many",
    "name_malformed",
    "name_reserved",
    "name_repeated",
    "duration_too_long",
)

MISTAKES: Mapping[str, str] = MappingProxyType(
    {
        **{code: rulesets.MISTAKES[code] for code in _SHARED},
        "jurisdiction_malformed": "A jurisdiction is written otherwise in ISO 3166",
        "currency_unknown": "There is no such currency",
        "currency_not_tender": "Nobody can pay in this currency",
        "currency_required": "An amount stands there, and no currency",
        "duration_malformed": "A duration is a number and s, m, h or d, and here above zero",
        "interval_empty": "An interval has no bound, or ends before it begins",
        "condition_empty": "A condition says nothing",
        "condition_too_deep": "Conditions stand too deep inside one another",
        "condition_too_long": "A tier names too many conditions",
        "over_misplaced": "`over` is missing, or stands where it means nothing",
        "cap_without_fee": "There is no fee that could have a cap",
        "nothing_to_keep_of": "A fee or units would be kept of nothing",
        "percent_misplaced": "A percent is only for a component that is refundable: yes",
        "too_many_cells": "The boundaries of all conditions cut the space into too many cells",
        "too_many_cases": "A quote would have to look at too many cases",
        "tier_gap": "There are times at which no tier holds, and no otherwise",
        "tier_overlap": "There are times at which two tiers hold",
        "tier_unreachable": "There is no time at which this holds",
    }
)
