"""Whatever a superuser changes of what acceptances rest on is found, and named by its place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from paykeel.clock import new_id
from paykeel.terms.evidence_reading import ACCEPTANCES_PAGE
from paykeel.terms.verifying import FAULTS_MAX
from tests.database.sealing import tamper
from tests.database.terms import accept_terms
from tests.database.terms_evidence import (
    FACTS,
    Scene,
    copy_acceptance,
    drop_constraints,
    play,
    rewrite,
    seal,
)

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel
    from paykeel.merchants import Merchant

#: Where a change of a table shows; the first row of each, by what is asked of it here.
ROWS = {
    "terms_acceptance": "acceptance_id = '{acceptance}'",
    "terms_presentations": "presentation_id = '{presentation}'",
    "terms_personal": "acceptance_id = '{acceptance}'",
    "terms_versions": "version_id = '{version}'",
    "terms_texts": "version_id = '{version}' AND locale = 'de'",
    "terms_scopes": "scope_id = '{scope}'",
    "terms_documents": "document_id = '{document}'",
    "terms_events": "version_id = '{version}'",
    "seals": "seal_no = 1 AND chain = 'terms'",
    "seal_leaves": "row_id = '{acceptance}'",
}
#: One of these is named as the place. What is published of a version is hashed as a whole.
PLACES = {
    "terms_acceptance": ("terms_acceptance {acceptance}",),
    "terms_presentations": ("terms_presentations {presentation}",),
    "terms_personal": ("terms_personal {acceptance}",),
    "terms_versions": ("terms_versions {version}",),
    "terms_texts": ("terms_texts {version} de", "terms_versions {version}"),
    "terms_scopes": ("terms_scopes {scope}", "terms_versions {version}"),
    "terms_documents": ("terms_versions {version}",),
    "terms_events": ("terms_versions {version}", "seals terms_events 1"),
    "seals": ("seals terms 1",),
    "seal_leaves": ("seals terms 1",),
}
#: What no hash covers, and why.
NO_EVIDENCE = {
    "terms_versions.grace_days": "only a draft has it",
    "terms_texts.created_at": "the version's own is hashed, and when it was published",
    "terms_scopes.created_at": "as terms_texts.created_at",
}

#: Another value of the same type, a byte away where that can be.
_OTHER = {
    "text": "coalesce(left({0}, -1), '') || CASE right({0}, 1) WHEN 'x' THEN 'y' ELSE 'x' END",
    "uuid": (
        "(left(coalesce({0}, gen_random_uuid())::text, 35)"
        " || CASE right({0}::text, 1) WHEN '0' THEN '1' ELSE '0' END)::uuid"
    ),
    "bytea": r"coalesce(set_byte({0}, 31, get_byte({0}, 31) # 1), '\x00')",
    "boolean": "coalesce(NOT {0}, true)",
    "timestamp with time zone": "coalesce({0} + interval '1 us', now())",
    "integer": "coalesce({0} + 1, 1)",
    "bigint": "coalesce({0} + 1, 1)",
    "smallint": "coalesce({0} + 1, 1)",
    "text[]": "ARRAY[coalesce({0}[1], '') || 'x'] || {0}[2:]",
    "uuid[]": "ARRAY[gen_random_uuid()] || {0}[2:]",
    "bytea[]": "ARRAY[set_byte({0}[1], 0, get_byte({0}[1], 0) # 1)] || {0}[2:]",
}
_COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type FROM pg_attribute a
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""


def names_of(scene: Scene) -> dict[str, str]:
    """Return the ids by which rows are found and places are named."""
    one = scene.acceptance
    return {
        "acceptance": str(one.acceptance_id),
        "presentation": str(one.presentation_id),
        "version": str(one.version_id),
        "scope": str(one.scope_id),
        "document": str(one.document_id),
    }


async def set_column(
    admin: asyncpg.Connection, table: str, column: str, value: str, where: str
) -> tuple[Any, str]:
    """Change one column of one row; return what it was, and where the row is now."""
    async with admin.transaction():
        await admin.execute("SET LOCAL session_replication_role = replica")
        (row,) = await admin.fetch(
            f"UPDATE {table} n SET {column} = {value} "  # noqa: S608
            f"FROM (SELECT {column} AS old, ctid AS place FROM {table} WHERE {where}) o "
            f"WHERE n.ctid = o.place RETURNING o.old::text, n.ctid::text AS place, "
            f"n.{column}::text IS DISTINCT FROM o.old::text AS differs"
        )
    assert row["differs"], f"{table}.{column} was not changed"
    return row["old"], f"ctid = '{row['place']}'"


@pytest.mark.parametrize("table", ROWS)
async def test_a_change_of_any_column_is_found_and_located(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, table: str
) -> None:
    scene = await play(paykeel, merchant)
    await seal(paykeel, merchant)
    await accept_terms(paykeel, merchant, "agent-9", facts=FACTS)
    await seal(paykeel, merchant)
    names = names_of(scene)
    await drop_constraints(admin, tuple(ROWS))
    assert (await scene.evidence.verify_terms()).intact
    columns = await admin.fetch(_COLUMNS, table)
    assert len(columns) > 4
    faults = []
    for column in columns:
        what = f"{table}.{column['name']}"
        quoted = f'"{column["name"]}"'
        value = _OTHER[column["type"]].format(quoted)
        old, row = await set_column(admin, table, quoted, value, ROWS[table].format(**names))
        report = await scene.evidence.verify_terms()
        places = [one.format(**names) for one in PLACES[table]]
        named = [fault.place for fault in report.faults]
        if what not in NO_EVIDENCE and not any(
            place in found for found in named for place in places
        ):
            faults.append(f"{what}: named {named}")
        restored = "NULL" if old is None else f"$old${old}$old$::{column['type']}"
        await set_column(admin, table, quoted, restored, row)
        if not (await scene.evidence.verify_terms()).intact:
            faults.append(f"{what}: it does not verify once it is as it was")
    assert faults == []


async def test_what_is_no_evidence_is_there(admin: asyncpg.Connection) -> None:
    columns = {
        f"{table}.{column['name']}"
        for table in ROWS
        for column in await admin.fetch(_COLUMNS, table)
    }
    assert columns >= NO_EVIDENCE.keys()


CHANGES: dict[str, tuple[str, str, str]] = {
    "an acceptance is deleted": (
        "DELETE FROM terms_acceptance WHERE acceptance_id = '{acceptance}'",
        "row_missing",
        "terms_acceptance {acceptance}, seals terms 1",
    ),
    "an acceptance is deleted with all beside it": (
        (
            "DELETE FROM terms_personal WHERE acceptance_id = '{acceptance}';"
            "DELETE FROM seal_leaves WHERE row_id = '{acceptance}';"
            "DELETE FROM terms_acceptance WHERE acceptance_id = '{acceptance}'"
        ),
        "leaves_changed",
        "seals terms 1",
    ),
    "a presentation is deleted": (
        "DELETE FROM terms_presentations WHERE presentation_id = '{presentation}'",
        "presentation_missing",
        "terms_presentations {presentation}",
    ),
    "personal data are deleted": (
        "DELETE FROM terms_personal WHERE acceptance_id = '{acceptance}'",
        "personal_missing",
        "terms_personal {acceptance} ip",
    ),
    "a version is deleted": (
        (
            "DELETE FROM terms_texts WHERE version_id = '{version}';"
            "DELETE FROM terms_versions WHERE version_id = '{version}'"
        ),
        "version_missing",
        "terms_versions {version}",
    ),
    "a document is deleted": (
        "DELETE FROM terms_documents WHERE document_id = '{document}'",
        "document_missing",
        "terms_versions {version}",
    ),
    "a text is deleted": (
        "DELETE FROM terms_texts WHERE version_id = '{version}' AND locale = 'de'",
        "version_changed",
        "terms_versions {version}",
    ),
    "a text is added": (
        (
            "INSERT INTO terms_texts SELECT merchant_id, version_id, 'fr', content, content_sha256,"
            " html, html_sha256, false, created_at FROM terms_texts"
            " WHERE version_id = '{version}' AND locale = 'de'"
        ),
        "version_changed",
        "terms_versions {version}",
    ),
    "a text is written anew with its hashes": (
        (
            "UPDATE terms_texts SET content = 'Nothing.', content_sha256 = sha256('Nothing.'),"
            " html = 'Nothing.', html_sha256 = sha256('Nothing.')"
            " WHERE version_id = '{version}' AND locale = 'de'"
        ),
        "version_changed",
        "terms_versions {version}",
    ),
    "texts change places": (
        (
            "UPDATE terms_texts t SET content = o.content, content_sha256 = o.content_sha256"
            " FROM terms_texts o WHERE t.version_id = '{version}' AND o.version_id = '{version}'"
            " AND t.locale <> o.locale"
        ),
        "version_changed",
        "terms_versions {version}",
    ),
    "a scope is given to another document": (
        (
            "UPDATE terms_scopes SET document_id = (SELECT d.document_id FROM terms_documents d"
            " WHERE d.document_id <> '{document}') WHERE scope_id = '{scope}'"
        ),
        "version_changed",
        "terms_scopes {scope}",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_of_whole_rows_is_found_and_located(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, change: str
) -> None:
    scene = await play(paykeel, merchant)
    await seal(paykeel, merchant)
    names = names_of(scene)
    statements, code, place = CHANGES[change]
    if "scope" in change:
        await drop_constraints(admin, ("terms_scopes",))
    await tamper(admin, *statements.format(**names).split(";"))
    report = await scene.evidence.verify_terms(merchant.merchant_id)
    assert report.first is not None
    assert report.first.code == code
    assert report.first.place.startswith(place.format(**names))
    assert report.first.merchant_id == merchant.merchant_id
    assert report.faults_total >= len(report.faults) >= 1


async def test_who_changes_all_hashes_of_a_version_meets_every_acceptance(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    """A text that was made anew with all that is published of it is not the one accepted."""
    scene = await play(paykeel, merchant)
    await seal(paykeel, merchant)
    version = scene.versions[1]
    await rewrite(paykeel, admin, version, "refunds", "de")
    report = await scene.evidence.verify_terms()
    assert {(fault.code, fault.place.replace(",", "").split()[1]) for fault in report.faults} == {
        ("version_not_accepted", str(version.version_id)),
        ("text_not_accepted", str(version.version_id)),
        ("event_unlike", str(version.version_id)),
    }
    # Both subjects accepted this version, and one of them this text; it was published once.
    assert report.faults_total == 3 + 1


async def test_an_erasure_breaks_nothing(paykeel: Paykeel, merchant: Merchant) -> None:
    scene = await play(paykeel, merchant)
    await seal(paykeel, merchant)
    erased = await paykeel.terms.acceptances.erase(
        merchant.merchant_id, author="Ann", buyer_id="agent-7"
    )
    report = await scene.evidence.verify_terms()
    assert report.intact
    assert (report.erased, report.personal) == (erased, 4)
    assert erased == 2


async def test_a_change_before_the_seal_shows_where_another_hash_tells(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    scene = await play(paykeel, merchant)
    one = scene.acceptance
    await tamper(
        admin,
        "UPDATE terms_acceptance SET text_sha256 = sha256('x') "  # noqa: S608
        f"WHERE acceptance_id = '{one.acceptance_id}'",
    )
    report = await scene.evidence.verify_terms()
    assert (report.unsealed, len(report.chains)) == (4 + 2, 2)
    assert {fault.code for fault in report.faults} == {"text_not_accepted", "presentation_unlike"}


async def test_every_page_is_looked_at_and_all_faults_are_counted(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    scene = await play(paykeel, merchant)
    ids = sorted(new_id() for _ in range(2 * ACCEPTANCES_PAGE + 7))
    await copy_acceptance(admin, scene.acceptance.acceptance_id, ids)
    await seal(paykeel, merchant)
    whole = await scene.evidence.verify_terms()
    assert whole.intact
    assert whole.acceptances == len(ids) + 4
    last = ids[-1]
    await tamper(
        admin,
        "UPDATE terms_acceptance SET buyer_id = 'nobody' "  # noqa: S608
        f"WHERE acceptance_id = '{last}'",
    )
    one = await scene.evidence.verify_terms()
    assert one.first is not None
    assert (one.faults_total, one.first.code) == (1, "row_changed")
    assert str(last) in one.first.place
    version = scene.acceptance.version_id
    await tamper(
        admin,
        f"UPDATE terms_versions SET summary = 'other' WHERE version_id = '{version}'",  # noqa: S608
    )
    many = await scene.evidence.verify_terms()
    # The row, the version, and every acceptance of the version.
    assert many.faults_total == 1 + 1 + len(ids) + 2
    assert len(many.faults) == 1 + FAULTS_MAX


async def test_a_merchant_is_verified_alone(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    other = await paykeel.merchants.create("Corner Shop", "test")
    scene = await play(paykeel, merchant)
    await play(paykeel, other)
    await seal(paykeel, merchant)
    await tamper(
        admin,
        "UPDATE terms_documents SET title = 'x' "  # noqa: S608
        f"WHERE document_id = '{scene.acceptance.document_id}'",
    )
    assert (await scene.evidence.verify_terms(other.merchant_id)).intact
    everything = await scene.evidence.verify_terms()
    assert everything.acceptances == 8
    assert {fault.merchant_id for fault in everything.faults} == {merchant.merchant_id}


async def test_keys_and_heads_are_looked_at(paykeel: Paykeel, merchant: Merchant) -> None:
    scene = await play(paykeel, merchant)
    await seal(paykeel, merchant)
    chain, events = (await scene.evidence.verify_terms()).chains
    assert chain.head is not None
    assert events.head is not None
    key = (await paykeel.sealing.keys.key()).public_key
    fraud = replace(chain.head, chain="fraud")
    assert (
        await scene.evidence.verify_terms(trusted=[key], heads=[chain.head, events.head, fraud])
    ).intact
    foreign = await scene.evidence.verify_terms(trusted=[bytes(32)])
    assert foreign.first is not None
    assert foreign.first.code == "key_untrusted"
    lost = replace(chain.head, seal_hash=bytes(32))
    missing = await scene.evidence.verify_terms(heads=[lost])
    assert missing.first is not None
    assert missing.first.code == "head_missing"
