"""examples/orders.csv is what its generator writes, and holds what it promises."""

from __future__ import annotations

import io
import runpy
from collections import Counter
from importlib.resources import files
from pathlib import Path

from paykeel.cli.orders.model import Order, Reject
from paykeel.cli.orders.reading import Lines, read_orders
from paykeel.gateways.placeholder.tokens import find_script
from paykeel.gateways.port import DeclineReason
from paykeel.payments.model import PurchaseRequest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DATA = (EXAMPLES / "orders.csv").read_bytes()


def test_the_file_is_what_its_generator_writes() -> None:
    made = runpy.run_path(str(EXAMPLES / "make_orders.py"))["orders_csv"]()
    assert made.encode() == DATA
    # The copy that goes into the wheel, so that the demonstration runs wherever it is installed.
    assert files("paykeel.cli.demo").joinpath("orders.csv").read_bytes() == DATA


def test_it_holds_a_thousand_lines_of_every_kind() -> None:
    found = list(read_orders(Lines(io.BytesIO(DATA)), "csv"))
    assert len(found) == 1_000
    rejects = [line for line in found if isinstance(line, Reject)]
    assert len(rejects) == 18
    assert {
        "amount_wrong_precision", "amount_zero", "amount_negative", "amount_not_decimal",
        "amount_too_large", "currency_unknown", "currency_not_tender", "field_required",
        "choice_unknown", "card_number_refused", "text_too_long",
    } == {line.code for line in rejects}  # fmt: skip

    first: dict[str, PurchaseRequest] = {}
    kinds: Counter[str] = Counter()
    for line in found:
        if isinstance(line, Order):
            before = first.setdefault(line.reference, line.request)
            kinds["first" if before is line.request else "again" if before == line.request
                  else "changed"] += 1  # fmt: skip
    assert kinds == {"first": 938, "again": 38, "changed": 6}

    requests = first.values()
    assert {request.buyer_role for request in requests} == {"agent", "operator"}
    assert {"EUR", "USD", "GBP", "JPY", "KWD", "CLP"} <= {request.currency for request in requests}
    assert {request.capture_method for request in requests} == {"automatic", "manual"}


def test_its_tokens_are_the_placeholders() -> None:
    orders = (line for line in read_orders(Lines(io.BytesIO(DATA)), "csv"))
    tokens = {line.request.payment_method for line in orders if isinstance(line, Order)}
    assert {token for token in tokens if find_script(token) is None} == {"pm_from_another_gateway"}
    assert {f"pm_{reason}" for reason in DeclineReason} <= tokens
    assert {
        "pm_requires_action", "pm_timeout", "pm_timeout_then_succeeded", "pm_lost_response",
        "pm_5xx_before", "pm_5xx_after", "pm_pending_then_succeeded", "pm_pending_then_declined",
        "pm_slow", "pm_duplicate_webhook", "pm_garbage", "pm_not_sent",
    } <= tokens  # fmt: skip
