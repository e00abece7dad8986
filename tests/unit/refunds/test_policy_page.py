"""The page of refund policies is run: every block of YAML; its tables are made from the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from paykeel.errors import RefundPolicyRefused
from paykeel.fraud import documents
from paykeel.fraud.mistakes import mistake_table
from paykeel.money import AMOUNT_MAX
from paykeel.refunds import conditions, covering, parsing
from paykeel.refunds.clocks import Clock
from paykeel.refunds.mistakes import MISTAKES
from paykeel.refunds.parsing import policy_of_text
from paykeel.refunds.policy import ApprovalWhen, Component, RefundReason
from paykeel.refunds.rounding import Rounding

PAGE = (Path(__file__).resolve().parents[3] / "docs/reference/refund-policies.md").read_text()
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
LIMITS = {
    "Characters of the text": (documents.DOCUMENT_CHARACTERS_MAX, "document_too_long"),
    "Values of the text": (documents.VALUES_MAX, "document_too_large"),
    "Levels of the text": (documents.DEPTH_MAX, "document_too_large"),
    "Characters of the title": (parsing.TITLE_CHARACTERS_MAX, "text_too_long"),
    "Tiers": (parsing.TIERS_MAX, "too_many"),
    "Conditions of a tier": (conditions.CONDITIONS_MAX, "condition_too_long"),
    "Conditions of one `all` or `any`": (conditions.CONDITIONS_MAX, "too_many"),
    "Conditions inside one another": (conditions.DEPTH_MAX, "condition_too_deep"),
    "Days of a duration": (conditions.DURATION_S_MAX // 86_400, "duration_too_long"),
    "Cells": (covering.CELLS_MAX, "too_many_cells"),
    "Statutory floors": (parsing.FLOORS_MAX, "too_many"),
    "Jurisdictions of a floor": (parsing.JURISDICTIONS_MAX, "too_many"),
    "Units kept": (parsing.UNITS_MAX, "out_of_range"),
    "Refunds of a payment": (parsing.REFUNDS_MAX, "out_of_range"),
    "An amount, in minor units": (AMOUNT_MAX, "out_of_range"),
}


def limit_table() -> str:
    rows = [f"| {name} | {most:,} | `{code}` |" for name, (most, code) in LIMITS.items()]
    return "\n".join(["| Limit | Most | Code |", "|---|---|---|", *rows])


@pytest.mark.parametrize(
    ("name", "table"), [("limits", limit_table()), ("mistakes", mistake_table(MISTAKES))]
)
def test_tables_are_what_the_code_says(name: str, table: str) -> None:
    found = re.search(rf"<!-- {name}: .*?-->\n(.*?)<!-- end of {name} -->", PAGE, re.DOTALL)
    assert found
    assert found[1].strip() == table
    assert {code for _, code in LIMITS.values()} <= set(MISTAKES)


@pytest.mark.parametrize("text", BLOCKS)
def test_every_block_is_what_it_is_said_to_be(text: str) -> None:
    refused = re.match(r"# refused: (\w+) (\S+)\n", text)
    if refused is None:
        assert policy_of_text(text).title
        return
    with pytest.raises(RefundPolicyRefused) as error:
        policy_of_text(text)
    (only,) = error.value.data["mistakes"]
    assert (only["code"], only["path"]) == (refused[1], refused[2])


def test_the_page_names_what_there_is() -> None:
    for word in (*Clock, *RefundReason, *Component, *Rounding, *ApprovalWhen):
        assert f"`{word}`" in PAGE, word
    assert len(BLOCKS) >= 6
