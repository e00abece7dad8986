"""The gate over time, against a plain model: people publish, accept and withdraw, and time goes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paykeel.clock import new_id
from paykeel.idempotency import fingerprint
from paykeel.payments.judged import Gate
from paykeel.payments.purchase import Asked, _candidate
from tests.conftest import order
from tests.database.helpers import opened
from tests.database.rows import ROWS

if TYPE_CHECKING:
    from uuid import UUID

    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from tests.servers import Urls

START = datetime(2026, 1, 1, tzinfo=UTC)
#: The lines of the document, from the widest to the narrowest.
SCOPES = (("*", "*"), ("agent", "*"), ("agent", "DE"), ("agent", "DE-BY"))
PLACES = (None, "DE", "DE-BY", "FR")
BUYERS = ("a", "b")


@dataclass
class Published:
    """A version, as the model knows it."""

    version_id: UUID
    begins: int
    anew: bool
    grace_until: int | None
    days: int | None
    withdrawn: bool = False


@dataclass
class Model:
    """What the gate must say, written as a person would explain it."""

    now: int = 0
    lines: dict[int, list[Published]] = field(default_factory=dict)
    #: What each buyer said on each line: accepted which version when, or took it back.
    words: dict[tuple[str, int], list[tuple[Published | None, int]]] = field(default_factory=dict)

    def line_for(self, place: str | None) -> int | None:
        for number in reversed(range(len(SCOPES))):
            _, where = SCOPES[number]
            fits = where == "*" or (place is not None and place[: len(where)] == where)
            if fits and self.begun(number):
                return number
        return None

    def begun(self, line: int) -> list[Published]:
        """Return what has begun, up to the version in force; what was withdrawn is among it."""
        versions = [one for one in self.lines.get(line, []) if one.begins <= self.now]
        while versions and versions[-1].withdrawn:
            versions.pop()
        return versions

    def verdict(self, buyer: str, place: str | None) -> str:
        line = self.line_for(place)
        if line is None:
            return "open"
        said: list[tuple[Published, int]] = []
        for version, when in self.words.get((buyer, line), []):
            said = [] if version is None else [*said, (version, when)]
        gates: list[Published] = []
        for version in reversed(self.begun(line)):
            if not all(one.grace_until and self.now < one.grace_until for one in gates):
                break
            oldest = 0 if version.days is None else self.now - version.days
            if any(one is version and when >= oldest for one, when in said):
                return "warned" if gates else "open"
            if version.anew:
                gates.append(version)
        return "missing"


#: Most of it happens on the widest line, so that versions follow each other there.
LINES = st.sampled_from((0, 0, 0, 0, 1, 2, 3))
PUBLISH = st.tuples(
    st.just("publish"),
    LINES,
    st.booleans(),
    st.none() | st.integers(1, 9),
    st.none() | st.integers(1, 20),
)
WAIT = st.tuples(st.just("wait"), st.integers(1, 4))
ACCEPT = st.tuples(st.just("accept"), st.sampled_from(BUYERS), st.sampled_from(PLACES))
STEPS = st.lists(
    st.one_of(
        PUBLISH,
        PUBLISH,
        WAIT,
        WAIT,
        ACCEPT,
        ACCEPT,
        st.tuples(st.just("withdraw"), st.sampled_from(BUYERS), LINES),
        st.tuples(st.just("decline"), st.sampled_from(BUYERS), st.sampled_from(PLACES)),
        # The version in force, or one before it.
        st.tuples(st.just("revoke"), LINES, st.integers(0, 1)),
    ),
    min_size=6,
    max_size=24,
)


#: How each history begins, so that there is something to go on from.
OPENING: tuple[tuple[Any, ...], ...] = (
    ("publish", 0, True, None, None),
    ("accept", "a", None),
    ("wait", 1),
)


class World:
    """The same in a database, at moments that a test chooses."""

    def __init__(self, paykeel: Paykeel, merchant: Merchant, owner: asyncpg.Connection) -> None:
        self.paykeel, self.merchant, self.owner = paykeel, merchant, owner
        self.model = Model()
        self.document_id = new_id()
        self.scope_ids = [new_id() for _ in SCOPES]
        self.number = self.said = 0

    def at(self, day: int) -> datetime:
        return START + timedelta(days=day)

    async def put(self, table: str, **values: Any) -> None:
        row = {**ROWS[table], **values, "merchant_id": self.merchant.merchant_id}
        names = ", ".join(row)
        places = ", ".join(f"${n}" for n in range(1, len(row) + 1))
        await self.owner.execute(
            f"INSERT INTO {table} ({names}) VALUES ({places})",  # noqa: S608 - a test's own names
            *row.values(),
        )

    async def begin(self) -> None:
        await self.put(
            "terms_documents", document_id=self.document_id, key="terms", required=True,
            purpose="contract",
        )  # fmt: skip
        for scope_id, (role, place) in zip(self.scope_ids, SCOPES, strict=True):
            await self.put(
                "terms_scopes", scope_id=scope_id, document_id=self.document_id, buyer_role=role,
                jurisdiction=place, product="*", channel="*",
            )  # fmt: skip

    async def changed(self) -> None:
        await self.owner.execute("UPDATE merchants SET terms_revision = terms_revision + 1")

    async def publish(self, line: int, *, anew: bool, grace: int | None, days: int | None) -> None:
        begun = self.model.lines.setdefault(line, [])
        if any(one.begins == self.model.now for one in begun):
            return
        self.number += 1
        until = None if grace is None else self.model.now + grace
        one = Published(new_id(), self.model.now, anew, until, days)
        begun.append(one)
        await self.put(
            "terms_versions", version_id=one.version_id, document_id=self.document_id,
            scope_id=self.scope_ids[line], version=f"{self.number}.0.0",
            change="major" if anew else "minor", requires_reacceptance=anew,
            reaccept_after_days=days, effective_from=self.at(one.begins), effective_to=None,
            grace_until=None if until is None else self.at(until), status="published",
            version_sha256=bytes(32), published_by="ann", published_at=self.at(one.begins),
            withdrawn_by=None, withdrawn_at=None, withdrawn_because=None,
        )  # fmt: skip
        await self.changed()

    async def revoke(self, line: int, back: int) -> None:
        standing = [one for one in self.model.begun(line) if not one.withdrawn]
        if len(standing) <= back:
            return
        standing[-1 - back].withdrawn = True
        await self.owner.execute(
            "UPDATE terms_versions SET status = 'withdrawn', withdrawn_by = 'ann',"
            " withdrawn_at = now(), withdrawn_because = 'a slip' WHERE version_id = $1",
            standing[-1 - back].version_id,
        )
        await self.changed()

    async def say(self, decision: str, buyer: str, line: int, version: Published) -> None:
        self.said += 1
        await self.put(
            "terms_acceptance", acceptance_id=new_id(), buyer_id=buyer, decision=decision,
            document_id=self.document_id, scope_id=self.scope_ids[line],
            version_id=version.version_id, method="import", imported_from="a test",
            imported_ref=None, presentation_id=None, presentation_sha256=None,
            # In the order in which it was said, also within one day.
            occurred_at=self.at(self.model.now) + timedelta(microseconds=self.said),
        )  # fmt: skip

    async def step(self, step: tuple[Any, ...]) -> None:
        match step:
            case ("wait", days):
                self.model.now += days
            case ("publish", line, anew, grace, days):
                await self.publish(line, anew=anew, grace=grace, days=days)
            case ("revoke", line, back):
                await self.revoke(line, back)
            case ("accept" | "decline" as decision, buyer, place):
                line = self.model.line_for(place)
                if line is not None:
                    version = self.model.begun(line)[-1]
                    await self.say(decision, buyer, line, version)
                    if decision == "accept":
                        said = self.model.words.setdefault((buyer, line), [])
                        said.append((version, self.model.now))
            case ("withdraw", buyer, line):
                said = self.model.words.get((buyer, line), [])
                if said and said[-1][0] is not None:
                    await self.say("withdraw", buyer, line, said[-1][0])
                    said.append((None, self.model.now))
            case _:
                raise AssertionError(step)

    async def verdict(self, buyer: str, place: str | None) -> str:
        """Open a purchase as it would be opened on that day."""
        request = order(buyer_id=buyer, jurisdiction=place)
        resources = self.paykeel.payments.resources
        known = await self.paykeel.terms.catalogue(self.merchant.merchant_id)
        gate = Gate(
            known.requirements(request.terms_scope, self.at(self.model.now)), known.revision
        )
        key = str(new_id())
        asked = Asked(request, key, fingerprint("POST", "/v1/purchases", request.document()))
        candidate = _candidate(
            resources, self.merchant, asked, self.paykeel.gateways.for_mode("test"),
            self.paykeel.database.now(), gate,
        )  # fmt: skip
        told = await resources.opener.open(replace(candidate, gate=gate))
        if told.judged is None:
            return "stale" if told.terms_stale else "missing"
        return "open" if told.judged.payment.warnings is None else "warned"


@given(STEPS)
@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_the_gate_says_what_the_model_says(urls: Urls, steps: list[tuple[Any, ...]]) -> None:
    async def run() -> None:
        owner = await asyncpg.connect(urls.admin)
        try:
            async with opened(urls) as paykeel:
                merchant = await paykeel.merchants.create("Harbour Market")
                world = World(paykeel, merchant, owner)
                await world.begin()
                for step in (*OPENING, *steps):
                    await world.step(step)
                    for buyer in BUYERS:
                        for place in PLACES:
                            found = await world.verdict(buyer, place)
                            assert found == world.model.verdict(buyer, place), (buyer, place)
        finally:
            await owner.close()

    asyncio.run(run())
