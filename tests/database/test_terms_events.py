"""Whether a version counts and whether data were erased cannot be forged, nor hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.database.sealing import tamper
from tests.database.terms import AUTHOR, require_terms
from tests.database.terms_evidence import Scene, drop_constraints, play, rewrite, seal

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

    from paykeel import Paykeel
    from paykeel.merchants import Merchant

TABLES = ("terms_versions", "terms_personal", "terms_events")
#: The first version of two is withdrawn, the second is in force; the personal data of the first
#: subject are erased, those of the second are not.
_VERSION = "UPDATE terms_versions SET {change} WHERE version_id = '{{{which}}}'"
_PERSONAL = "UPDATE terms_personal SET {change} WHERE acceptance_id = '{{{which}}}'"
_CLEARED = "ip = NULL, ip_salt = NULL, user_agent = NULL, user_agent_salt = NULL"
_WITHDRAWAL = "withdrawn_by = 'Eve', withdrawn_at = now(), withdrawn_because = 'No'"
_NO_WITHDRAWAL = "withdrawn_by = NULL, withdrawn_at = NULL, withdrawn_because = NULL"


def version(which: str, change: str) -> str:
    """Return the statement that changes a version."""
    return _VERSION.format(change=change, which=which)


def personal(which: str, change: str) -> str:
    """Return the statement that changes personal data."""
    return _PERSONAL.format(change=change, which=which)


#: A statement, and which fault it makes where.
FORGERIES: dict[str, tuple[str, str, str]] = {
    "a withdrawal is undone": (
        version("withdrawn", f"status = 'published', {_NO_WITHDRAWAL}"),
        "event_surplus",
        "terms_versions {withdrawn}",
    ),
    "a withdrawal is half undone": (
        version("withdrawn", "status = 'published'"),
        "event_unlike",
        "terms_versions {withdrawn}",
    ),
    "a withdrawal is forged": (
        version("published", f"status = 'withdrawn', {_WITHDRAWAL}"),
        "event_missing",
        "terms_versions {published}",
    ),
    "a withdrawal is forged beside the status": (
        version("published", _WITHDRAWAL),
        "event_unlike",
        "terms_versions {published}",
    ),
    "another withdrew": (
        version("withdrawn", "withdrawn_by = 'Eve'"),
        "event_unlike",
        "terms_versions {withdrawn}",
    ),
    "it was withdrawn before": (
        version("withdrawn", "withdrawn_at = withdrawn_at - interval '1 us'"),
        "event_unlike",
        "terms_versions {withdrawn}",
    ),
    "it was withdrawn for another reason": (
        version("withdrawn", "withdrawn_because = 'No'"),
        "event_unlike",
        "terms_versions {withdrawn}",
    ),
    "a publication is made a draft": (
        version(
            "published",
            "status = 'draft', published_by = NULL, published_at = NULL, version_sha256 = NULL",
        ),
        "event_surplus",
        "terms_versions {published}",
    ),
    "a publication is given another hash": (
        version("published", "version_sha256 = sha256('Nothing.')"),
        "event_unlike",
        "terms_versions {published}",
    ),
    "another published": (
        version("published", "published_by = 'Eve'"),
        "event_unlike",
        "terms_versions {published}",
    ),
    "it was published before": (
        version("published", "published_at = published_at - interval '1 us'"),
        "event_unlike",
        "terms_versions {published}",
    ),
    "an erasure is forged": (
        personal("kept", f"{_CLEARED}, erased_at = now(), erased_by = 'Eve'"),
        "event_missing",
        "terms_personal {kept}",
    ),
    "half an erasure is forged": (
        personal("kept", "erased_by = 'Eve'"),
        "event_unlike",
        "terms_personal {kept}",
    ),
    "an erasure is hidden": (
        personal("erased", "erased_at = NULL, erased_by = NULL"),
        "event_surplus",
        "terms_personal {erased}",
    ),
    "another erased": (
        personal("erased", "erased_by = 'Eve'"),
        "event_unlike",
        "terms_personal {erased}",
    ),
    "it was erased before": (
        personal("erased", "erased_at = erased_at - interval '1 us'"),
        "event_unlike",
        "terms_personal {erased}",
    ),
    "what was erased is taken away": (
        "DELETE FROM terms_personal WHERE acceptance_id = '{erased}'",
        "event_unfounded",
        "terms_events {erasure}",
    ),
    "the event of a publication is deleted": (
        "DELETE FROM terms_events WHERE version_id = '{published}'",
        "event_missing",
        "terms_versions {published}",
    ),
    "the event of a withdrawal is deleted": (
        "DELETE FROM terms_events WHERE event_id = '{withdrawal}'",
        "event_missing",
        "terms_versions {withdrawn}",
    ),
    "the event of an erasure is deleted": (
        "DELETE FROM terms_events WHERE event_id = '{erasure}'",
        "event_missing",
        "terms_personal {erased}",
    ),
    "the event of a publication is changed": (
        "UPDATE terms_events SET version_sha256 = sha256('') WHERE version_id = '{published}'",
        "event_unlike",
        "terms_versions {published}",
    ),
    "the event of a publication loses its hash": (
        "UPDATE terms_events SET version_sha256 = NULL WHERE version_id = '{published}'",
        "event_unlike",
        "terms_versions {published}",
    ),
    "the event of a withdrawal is changed": (
        "UPDATE terms_events SET because = 'No' WHERE event_id = '{withdrawal}'",
        "event_unlike",
        "terms_versions {withdrawn}",
    ),
    "the event of an erasure is changed": (
        "UPDATE terms_events SET author = 'Eve' WHERE event_id = '{erasure}'",
        "event_unlike",
        "terms_personal {erased}",
    ),
    "an event is told twice": (
        (
            "INSERT INTO terms_events SELECT merchant_id, 'ffffffff-ffff-7fff-8fff-ffffffffffff',"
            " kind, version_id, version_sha256, acceptance_id, author, because, occurred_at"
            " FROM terms_events"
            " WHERE event_id = '{erasure}'"
        ),
        "event_surplus",
        "terms_personal {erased}",
    ),
}


async def happen(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> tuple[Scene, dict[str, str]]:
    """Publish, accept, withdraw and erase; return the ids of what it happened to."""
    scene = await play(paykeel, merchant)
    whose = merchant.merchant_id
    withdrawn, published = (one.version_id for one in scene.versions)
    erased, kept = scene.first[0].acceptance_id, scene.second[0].acceptance_id
    await paykeel.terms.documents.withdraw(whose, withdrawn, "It was wrong", author="Ann")
    assert await paykeel.terms.acceptances.erase(whose, acceptance_id=erased, author="Ben") == 1
    told = {
        row["kind"]: row["event_id"]
        for row in await admin.fetch("SELECT kind, event_id FROM terms_events")
    }
    ids: dict[str, UUID] = {
        "withdrawn": withdrawn,
        "published": published,
        "erased": erased,
        "kept": kept,
        "withdrawal": told["withdrawn"],
        "erasure": told["erased"],
    }
    return scene, {name: str(one) for name, one in ids.items()}


async def told(admin: asyncpg.Connection) -> list[tuple[Any, ...]]:
    """Return the events in the order in which they happened."""
    rows = await admin.fetch(
        "SELECT kind, version_id, version_sha256, acceptance_id, author, because FROM terms_events"
        " ORDER BY event_id"
    )
    return [tuple(row) for row in rows]


async def test_what_happens_is_told_and_verifies_sealed_or_not(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    scene, _ = await happen(paykeel, merchant, admin)
    first, second = scene.versions
    assert await told(admin) == [
        ("published", first.version_id, first.version_sha256, None, AUTHOR, None),
        ("published", second.version_id, second.version_sha256, None, AUTHOR, None),
        ("withdrawn", first.version_id, None, None, "Ann", "It was wrong"),
        ("erased", None, None, scene.first[0].acceptance_id, "Ben", None),
    ]
    pending = await scene.evidence.verify_terms()
    assert pending.intact, pending.faults
    assert (pending.events, pending.unsealed) == (4, 4 + 4)
    await seal(paykeel, merchant)
    sealed = await scene.evidence.verify_terms()
    assert sealed.intact, sealed.faults
    assert (sealed.events, sealed.unsealed) == (4, 0)


async def test_all_that_a_buyer_s_erasure_erases_is_told(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    scene = await play(paykeel, merchant)
    acceptances, whose = paykeel.terms.acceptances, merchant.merchant_id
    assert await acceptances.erase(whose, buyer_id="agent-7", author="Ann") == 2
    at = paykeel.database.now()
    assert await acceptances.erase(whose, before=at, author="Ben") == 2
    assert await acceptances.erase(whose, before=at, author="Ben") == 0
    erased = {(row[3], row[4]) for row in await told(admin) if row[0] == "erased"}
    assert erased == {
        *((one.acceptance_id, "Ann") for one in scene.first),
        *((one.acceptance_id, "Ben") for one in scene.second),
    }
    assert (await scene.evidence.verify_terms()).intact


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "pending"])
@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forgery_is_found_and_located(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, forgery: str, *, sealed: bool
) -> None:
    scene, names = await happen(paykeel, merchant, admin)
    if sealed:
        await seal(paykeel, merchant)
    await drop_constraints(admin, TABLES)
    statement, code, place = FORGERIES[forgery]
    await tamper(admin, statement.format(**names))
    report = await scene.evidence.verify_terms()
    found = {(fault.code, fault.place) for fault in report.faults}
    assert (code, place.format(**names)) in found, found
    assert {fault.merchant_id for fault in report.faults} == {merchant.merchant_id}
    if sealed and forgery.startswith("the event of"):
        assert report.first is not None
        assert "seals terms_events 1" in report.first.place


async def test_who_changes_row_and_event_meets_the_seal(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    scene, names = await happen(paykeel, merchant, admin)
    await seal(paykeel, merchant)
    await tamper(
        admin,
        version("withdrawn", "withdrawn_because = 'No'").format(**names),
        "UPDATE terms_events SET because = 'No' "  # noqa: S608
        f"WHERE event_id = '{names['withdrawal']}'",
    )
    report = await scene.evidence.verify_terms()
    assert [(fault.code, fault.place) for fault in report.faults] == [
        ("row_changed", f"terms_events {names['withdrawal']}, seals terms_events 1")
    ]


async def test_who_takes_row_and_event_back_meets_the_seal(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    scene, names = await happen(paykeel, merchant, admin)
    await seal(paykeel, merchant)
    await tamper(
        admin,
        version("withdrawn", f"status = 'published', {_NO_WITHDRAWAL}").format(**names),
        f"DELETE FROM terms_events WHERE event_id = '{names['withdrawal']}'",  # noqa: S608
    )
    report = await scene.evidence.verify_terms()
    assert [(fault.code, fault.place) for fault in report.faults] == [
        ("row_missing", f"terms_events {names['withdrawal']}, seals terms_events 1")
    ]


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "pending"])
async def test_who_rewrites_what_nobody_has_accepted_yet_meets_its_event(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, *, sealed: bool
) -> None:
    scene = await play(paykeel, merchant)
    texts = {"en": "# Refunds\n\nHalf of it is paid back.\n"}
    latest = await require_terms(paykeel, merchant, key="refunds", version="2.0.0", texts=texts)
    if sealed:
        await seal(paykeel, merchant)
    await rewrite(paykeel, admin, latest, "refunds", "en")
    report = await scene.evidence.verify_terms()
    assert [(fault.code, fault.place) for fault in report.faults] == [
        ("event_unlike", f"terms_versions {latest.version_id}")
    ]


async def test_who_rewrites_the_event_too_meets_the_seal(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    scene = await play(paykeel, merchant)
    texts = {"en": "# Refunds\n\nHalf of it is paid back.\n"}
    latest = await require_terms(paykeel, merchant, key="refunds", version="2.0.0", texts=texts)
    await seal(paykeel, merchant)
    made_up = await rewrite(paykeel, admin, latest, "refunds", "en")
    await tamper(
        admin,
        f"UPDATE terms_events SET version_sha256 = '\\x{made_up}' "  # noqa: S608
        f"WHERE version_id = '{latest.version_id}'",
    )
    report = await scene.evidence.verify_terms()
    event_id = await admin.fetchval(
        "SELECT event_id FROM terms_events WHERE version_id = $1", latest.version_id
    )
    assert [(fault.code, fault.place) for fault in report.faults] == [
        ("row_changed", f"terms_events {event_id}, seals terms_events 1")
    ]
