"""Every code that a refused ruleset can carry, and every warning; codes never change their meaning.

The tables of docs/reference/fraud-rules.md are made from these.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MISTAKES: Mapping[str, str] = MappingProxyType(
    {
        "document_too_long": "The text has too many characters",
        "document_too_large": "There are too many values, or they are nested too deeply",
        "yaml_syntax": "The text is not YAML, or holds more than one document",
        "yaml_alias": "Anchors and aliases are not read",
        "yaml_tag": "Tags are not read",
        "yaml_key": "A name is not plain text, or mappings are merged",
        "yaml_duplicate_key": "A name stands twice in one object",
        "yaml_number": "A number begins with 0 or is too long",
        "object_required": "An object is needed",
        "list_required": "A list is needed",
        "field_required": "A field is missing",
        "field_unknown": "There is no such field, or not here",
        "text_required": "Text is needed",
        "text_empty": "The text is empty",
        "text_too_long": "The text is too long",
        "text_not_storable": "The text holds characters that cannot be stored",
        "card_number_refused": "Something looks like a card number",
        "integer_required": "An integer is needed",
        "boolean_required": "True or false is needed",
        "out_of_range": "The number is out of its range",
        "choice_unknown": "It is not one of the choices",
        "too_many": "There are too many of these",
        "name_malformed": "A name is a small letter and at most 39 more letters, digits or _",
        "name_reserved": "The name has a meaning of its own",
        "name_repeated": "The name is taken",
        "duration_malformed": "A duration is a number and s, m, h or d",
        "duration_too_long": "The duration is too long",
        "cap_required": "This cannot be read without a cap",
        "cap_too_low": "A count is compared with what its cap hides",
        "given_unknown": "A test sets what is no attribute, or follows from others",
        "given_type": "A test sets a value of another type",
        "test_failed": "The rule says something else than its test expects",
        "expression_empty": "There is no expression",
        "expression_too_long": "The expression has too many characters",
        "expression_too_many_tokens": "The expression has too many words and signs",
        "expression_too_deep": "Too many parts stand inside one another",
        "expression_too_many_literals": "The expression holds too many texts and numbers",
        "expression_literal_too_long": "A text or number is too long",
        "expression_syntax": "The expression cannot be read",
        "expression_loop": "Rules have no loops",
        "expression_unknown_attribute": "There is no such attribute",
        "expression_unknown_function": "There is no such function",
        "expression_type": "Things are compared or added that cannot be",
        "expression_not_boolean": "The expression does not say true or false",
        "expression_constant": "A pattern, zone, instant or duration is none",
        "expression_pattern": "A pattern is too large, or does not stand there as text",
        "expression_zone": "A time zone does not stand there by its name",
    }
)

WARNINGS: Mapping[str, str] = MappingProxyType(
    {
        "rule_untested": "The rule has no tests",
        "velocity_unused": "No rule names the velocity; it is read for nothing",
        "list_unused": "No rule names the list",
        "limit_unused": "No rule names the limit",
    }
)


def mistake_table(codes: Mapping[str, str]) -> str:
    """Return a table of codes in Markdown."""
    rows = ["| Code | What is wrong |", "|---|---|"]
    return "\n".join([*rows, *(f"| `{code}` | {about} |" for code, about in codes.items())])
