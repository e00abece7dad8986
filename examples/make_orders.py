"""Writes orders.csv: 1,000 plausible orders, the same ones every time.

They are of agents and operators in several currencies, and hold what real files hold: orders that
are there twice, orders that were changed afterwards, declines, buyers who must do a step, gateways
that fall silent, and lines that are wrong. The tokens are those of the placeholder gateway.

    python examples/make_orders.py
"""

import csv
import io
import random
from pathlib import Path

HERE = Path(__file__).resolve().parent
#: The file, and the copy of it that `paykeel demo` runs wherever it is installed.
FILES = (
    HERE / "orders.csv",
    HERE.parent / "src" / "paykeel" / "cli" / "demo" / "orders.csv",
)
LINES = 1_000
SEED = 20261123
COLUMNS = (
    "reference",
    "amount",
    "currency",
    "buyer_id",
    "buyer_role",
    "payment_method",
    "capture_method",
    "description",
    "metadata.region",
    "metadata.channel",
)

#: Currency, its decimal places, how often it comes, and by what a price in euro is multiplied.
CURRENCIES = (
    ("EUR", 2, 34, 1),
    ("USD", 2, 22, 1),
    ("GBP", 2, 12, 1),
    ("JPY", 0, 10, 160),
    ("KWD", 3, 6, 1),
    ("CLP", 0, 6, 1_000),
    ("CHF", 2, 4, 1),
    ("SEK", 2, 3, 11),
    ("BHD", 3, 3, 1),
)

#: What is sold, to which role, and for how much in euro cents, from and to.
GOODS = (
    ("Featured listing, 14 days", "agent", 1_900, 4_900),
    ("Featured listing, 30 days", "agent", 3_900, 8_900),
    ("Verified leads, pack of 25", "agent", 7_500, 17_500),
    ("Profile badge, one year", "agent", 9_900, 9_900),
    ('Photo package "Daylight"', "agent", 12_000, 38_000),
    ("Commission statement, expedited", "agent", 499, 999),
    ("Fleet plan, monthly, 12 seats", "operator", 14_400, 34_800),
    ("Dispatch minutes, 5,000", "operator", 6_250, 12_500),
    ("Depot onboarding, on site", "operator", 45_000, 180_000),
    ("Payout float, top-up", "operator", 40_000, 120_000),
    ("Support, extended hours", "operator", 4_900, 24_900),
)
REGIONS = ("north", "south", "east", "west", "islands")
CHANNELS = ("web", "app", "desk", "partner")

#: What happens at the gateway, and to how many orders; the others simply succeed.
SCRIPTED = (
    ("pm_insufficient_funds", 22),
    ("pm_card_declined", 18),
    ("pm_expired_card", 9),
    ("pm_incorrect_cvc", 8),
    ("pm_authentication_failed", 6),
    ("pm_fraud_suspected", 5),
    ("pm_limit_exceeded", 5),
    ("pm_lost_or_stolen_card", 4),
    ("pm_processing_error", 4),
    ("pm_card_not_supported", 3),
    ("pm_currency_not_supported", 3),
    ("pm_incorrect_number", 3),
    ("pm_authentication_abandoned", 2),
    ("pm_authorization_expired", 2),
    ("pm_invalid_request", 2),
    ("pm_gateway_unavailable", 2),
    ("pm_other", 2),
    ("pm_from_another_gateway", 2),
    ("pm_requires_action", 14),
    ("pm_lost_response", 12),
    ("pm_timeout", 8),
    ("pm_timeout_then_succeeded", 8),
    ("pm_timeout_then_declined", 4),
    ("pm_5xx_before", 6),
    ("pm_5xx_after", 6),
    ("pm_not_sent", 3),
    ("pm_pending_then_succeeded", 10),
    ("pm_pending_then_succeeded_1500", 3),
    ("pm_pending_then_declined", 6),
    ("pm_garbage", 4),
    ("pm_slow", 8),
    ("pm_slow_400", 12),
    ("pm_duplicate_webhook", 6),
)
SUCCEEDING = (
    "pm_ok",
    "pm_card_visa",
    "pm_card_mastercard",
    "pm_card_amex",
    "pm_card_jcb",
    "pm_sepa_debit",
    "pm_ideal",
)
#: Every so many orders that simply succeed are only reserved, to be captured later.
MANUAL_EVERY = 24
REPEATS = 38
CHANGED = 6

#: What is wrong with a line, as changes to a good one.
FAULTS: tuple[dict[str, str], ...] = (
    {"amount": "1200.50", "currency": "JPY"},
    {"amount": "12.3456", "currency": "KWD"},
    {"amount": "0.00", "currency": "EUR"},
    {"amount": "-15.00", "currency": "EUR"},
    {"amount": "12,50", "currency": "EUR"},
    {"amount": "", "currency": "EUR"},
    {"amount": "12000000000.00", "currency": "USD"},
    {"currency": "ZZZ"},
    {"currency": "eur"},
    {"amount": "1.00", "currency": "XAU"},
    {"buyer_id": ""},
    {"buyer_role": "admin"},
    {"description": "Phone order, card 4242 4242 4242 4242, call back"},
    {"payment_method": "4242424242424242"},
    {"payment_method": ""},
    {"reference": "ORDER-" + "0123456789" * 13},
    {"capture_method": "later"},
    {"reference": ""},
)

Row = dict[str, str]


def price(chance: random.Random, low: int, high: int, places: int, factor: int) -> str:
    """Return an amount in major units, with all the decimal places of its currency."""
    cents = chance.randint(low, high) * factor
    if places == 0:
        return str(max(1, cents // 100))
    minor = cents * 10 ** (places - 2) + (chance.randrange(10) * 5 if places == 3 else 0)
    return f"{minor // 10**places}.{minor % 10**places:0{places}}"


def order(chance: random.Random, number: int, token: str) -> Row:
    """Return one good order."""
    name, role, low, high = chance.choice(GOODS)
    weights = [weight for _, _, weight, _ in CURRENCIES]
    currency, places, _, factor = chance.choices(CURRENCIES, weights)[0]
    buyer = (
        f"agent-{chance.randint(1, 400):03}"
        if role == "agent"
        else f"op-{chance.randint(1, 300):03}"
    )
    return {
        "reference": f"PK-2026-{number:05}",
        "amount": price(chance, low, high, places, factor),
        "currency": currency,
        "buyer_id": buyer,
        "buyer_role": role,
        "payment_method": token,
        "capture_method": "",
        "description": name,
        "metadata.region": chance.choice(REGIONS),
        "metadata.channel": chance.choice(CHANNELS) if chance.random() < 0.8 else "",
    }


def first_time(chance: random.Random, count: int) -> list[Row]:
    """Return orders that are each there for the first time."""
    tokens = [token for token, times in SCRIPTED for _ in range(times)]
    plain = count - len(tokens)
    tokens += [chance.choice(SUCCEEDING) for _ in range(plain)]
    chance.shuffle(tokens)
    rows = [order(chance, 10_000 + number * 7, token) for number, token in enumerate(tokens)]
    for row in [row for row in rows if row["payment_method"] in SUCCEEDING][::MANUAL_EVERY]:
        row["capture_method"] = "manual"
    return rows


def with_repeats(chance: random.Random, rows: list[Row]) -> list[Row]:
    """Put orders in again behind where they stand, some of them with another amount."""
    chosen = chance.sample(range(len(rows) - 60), REPEATS + CHANGED)
    again = []
    for position, source in enumerate(chosen):
        row = dict(rows[source])
        if position >= REPEATS:
            row["amount"] = "1" + row["amount"]
            row["description"] += ", corrected"
        again.append((source + chance.randint(1, 60), row))
    made = list(rows)
    for position, row in sorted(again, key=lambda item: -item[0]):
        made.insert(position, row)
    return made


def with_faults(chance: random.Random, rows: list[Row]) -> list[Row]:
    """Put lines in that are wrong, each in its own way."""
    made = list(rows)
    for number, fault in enumerate(FAULTS):
        row = {**order(chance, 90_000 + number, "pm_ok"), **fault}
        made.insert(chance.randint(5, len(made)), row)
    return made


def orders_csv() -> str:
    """Return the whole file."""
    chance = random.Random(SEED)  # noqa: S311 - the same orders every time, not secret ones
    rows = first_time(chance, LINES - REPEATS - CHANGED - len(FAULTS))
    rows = with_faults(chance, with_repeats(chance, rows))
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


if __name__ == "__main__":
    for path in FILES:
        path.write_text(orders_csv(), encoding="utf-8", newline="\n")
