"""A run over orders: a bounded window, one name in the file's order, patience, a clean stop."""

from __future__ import annotations

import asyncio
import io
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from paykeel.cli.orders.counting import Tally
from paykeel.cli.orders.model import Order, Reject, key_for
from paykeel.cli.orders.running import RejectFile, Run, run_orders
from paykeel.cli.orders.sending import LineRefused, Patience, Sender, Sent
from paykeel.errors import (
    IdempotencyInFlight,
    PaykeelError,
    Unauthenticated,
    Unavailable,
)
from tests.conftest import order as request


def orders(count: int, names: int | None = None) -> Iterator[Order | Reject]:
    for number in range(count):
        name = f"A-{number % (names or count)}"
        yield Order(number + 2, name, key_for(name), request(reference=name))


class Desk:
    """A sender that answers as it is told, and remembers what it was asked."""

    def __init__(self, *failures: Exception, pause_s: float = 0.0) -> None:
        self._failures = list(failures)
        self._pause_s = pause_s
        self.lines: list[int] = []
        self.calls: Counter[str] = Counter()
        self.now = 0
        self.most = 0

    async def send(self, order: Order) -> Sent:
        self.lines.append(order.line)
        self.calls[order.reference] += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(self._pause_s)
        finally:
            self.now -= 1
        if self._failures:
            raise self._failures.pop(0)
        again = self.calls[order.reference] > 1
        return Sent("id", "succeeded", None, 1250, "EUR", replayed=again)


async def run(
    sender: Sender,
    lines: Iterator[Order | Reject],
    *,
    concurrency: int = 4,
    patience_ms: int = 5_000,
    stop: asyncio.Event | None = None,
) -> tuple[Tally, PaykeelError | None]:
    return await run_orders(
        Run(
            orders=lines,
            sender=sender,
            patience=Patience(patience_ms, stop or asyncio.Event()),
            rejects=None,
            progress=None,
            concurrency=concurrency,
        )
    )


async def test_only_so_many_orders_are_on_their_way_and_no_line_is_drawn_ahead() -> None:
    drawn = 0

    def lines() -> Iterator[Order | Reject]:
        nonlocal drawn
        for line in orders(100):
            drawn += 1
            assert drawn - len(desk.lines) <= 8
            yield line

    desk = Desk(pause_s=0.001)
    tally, error = await run(desk, lines(), concurrency=8)
    assert error is None
    assert (tally.lines, tally.answered, desk.most) == (100, 100, 8)


async def test_orders_of_one_name_go_one_after_the_other_in_the_files_order() -> None:
    desk = Desk(pause_s=0.002)
    tally, _ = await run(desk, orders(40, names=2), concurrency=10)
    assert desk.most == 2
    assert [line for line in desk.lines if line % 2] == list(range(3, 42, 2))
    assert [line for line in desk.lines if not line % 2] == list(range(2, 42, 2))
    assert (tally.answered, tally.replayed) == (40, 38)


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("refused"),
        httpx.RemoteProtocolError("went away"),
        httpx.ReadTimeout("slow"),
        Unavailable(),
        IdempotencyInFlight(retry_after_s=0),
    ],
)
async def test_what_fails_on_the_way_is_sent_again_under_the_same_key(failure: Exception) -> None:
    desk = Desk(failure)
    tally, error = await run(desk, orders(1))
    assert error is None
    assert desk.calls == {"A-0": 2}
    # Nobody can say whether the first call was the one that bought it.
    assert (tally.answered, tally.resent, tally.replayed, tally.confirmed) == (1, 1, 1, 1)


async def test_a_pause_that_was_asked_for_is_kept() -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    await run(Desk(Unavailable(retry_after_s=1)), orders(1))
    assert loop.time() - started >= 1


async def test_when_patience_ends_the_run_ends_and_says_why() -> None:
    desk = Desk(*[httpx.ConnectError("refused")] * 1_000)
    tally, error = await run(desk, orders(1_000), patience_ms=200)
    assert isinstance(error, Unavailable)
    assert tally.stopped == error.code == "service_unavailable"
    assert tally.unanswered == tally.lines == 4
    assert tally.answered == 0


async def test_an_order_that_another_process_has_in_hand_does_not_end_the_run() -> None:
    desk = Desk(*[IdempotencyInFlight(retry_after_s=0)] * 3)
    tally, error = await run(desk, orders(6), concurrency=1, patience_ms=1)
    assert error is None
    assert tally.stopped is None
    assert (tally.codes["idempotency_in_flight"], tally.answered) == (
        tally.unanswered,
        6 - tally.unanswered,
    )
    assert tally.unanswered >= 1


async def test_what_can_never_succeed_is_not_repeated() -> None:
    desk = Desk(Unauthenticated())
    tally, error = await run(desk, orders(100), concurrency=1)
    assert isinstance(error, Unauthenticated)
    assert (desk.calls.total(), tally.lines) == (1, 1)


async def test_a_line_that_is_refused_is_a_reject_and_the_others_go_on() -> None:
    tally, error = await run(Desk(LineRefused("amount", "too_much", "No.")), orders(3))
    assert error is None
    assert (tally.rejected, tally.answered) == (1, 2)
    assert tally.first_rejects[0].document() == {
        "line": 2, "reference": "A-0", "field": "amount", "code": "too_much", "reason": "No.",
    }  # fmt: skip


async def test_a_stop_lets_what_is_on_its_way_finish() -> None:
    stop = asyncio.Event()
    desk = Desk(pause_s=0.05)
    asyncio.get_running_loop().call_later(0.12, stop.set)
    tally, error = await run(desk, orders(1_000), stop=stop)
    assert error is None
    assert tally.stopped == "interrupted"
    assert tally.answered == tally.lines == len(desk.lines) == 12


async def test_a_stop_does_not_wait_for_patience() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, stop.set)
    desk = Desk(*[Unavailable(retry_after_s=20)] * 1_000)
    async with asyncio.timeout(5):
        tally, error = await run(desk, orders(1_000), patience_ms=60_000, stop=stop)
    assert error is None
    assert (tally.stopped, tally.unanswered) == ("interrupted", 4)


def test_no_reject_is_a_formula_in_a_spreadsheet() -> None:
    table, lines = io.StringIO(), io.StringIO()
    for beginning in ("=", "+", "-", "@", "\t", "\r"):
        reject = Reject(7, f"{beginning}1+1", "amount", "amount_zero", "More than zero.")
        RejectFile(table, "csv").write(reject)
        RejectFile(lines, "ndjson").write(reject)
        assert f"'{beginning}1+1" in table.getvalue()
        assert "'" not in lines.getvalue()


def test_rejects_are_written_line_by_line() -> None:
    reject = Reject(7, "A,1", "amount", "amount_zero", "More than zero.")
    table, lines = io.StringIO(), io.StringIO()
    RejectFile(table, "csv").write(reject)
    RejectFile(lines, "ndjson").write(reject)
    assert table.getvalue() == (
        'line,reference,field,code,reason\n7,"A,1",amount,amount_zero,More than zero.\n'
    )
    assert lines.getvalue() == (
        '{"line": 7, "reference": "A,1", "field": "amount", "code": "amount_zero", '
        '"reason": "More than zero."}\n'
    )
