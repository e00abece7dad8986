"""What a subject says is stored as it was shown, once, with its circumstances; and can be told."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from paykeel.clock import new_id
from paykeel.errors import Forbidden, InvalidField, NotFound, Refused
from paykeel.sealing.canonical import salted_hash
from paykeel.sealing.service import read_kinds
from paykeel.sealing.tables import SealedTable
from paykeel.terms import TermsScope
from paykeel.terms.acceptance import Asked
from paykeel.terms.accepting import SQL
from paykeel.terms.evidence_facts import ClientFacts, presentation_sha256
from paykeel.terms.salting import salted, told
from tests.database.terms import TEXTS, accept_terms, require_terms

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from paykeel.terms.acceptance import Acceptance, Presentation

FACTS = ClientFacts(
    method="scroll_click",
    actor_kind="delegate",
    actor_id="ann",
    on_behalf_of="Harbour Tours Ltd",
    authority="power of attorney 17",
    scrolled_to_end=True,
    dwell_ms=12_345,
    ip="::ffff:203.0.113.9",
    user_agent="Mozilla/5.0",
    client_locale="de-AT",
    time_zone="Europe/Vienna",
    page_url="https://shop.example/checkout",
    request_id="req_1",
    payment_id=UUID(int=17),
    client_at=datetime(2026, 11, 23, 9, tzinfo=UTC),
)


async def show(paykeel: Paykeel, merchant: Merchant, **asked: Any) -> Presentation:
    values: dict[str, Any] = {"buyer_id": "agent-7", "buyer_role": "agent", **asked}
    return await paykeel.terms.acceptances.present(merchant.merchant_id, Asked(**values))


async def say(
    paykeel: Paykeel, merchant: Merchant, nonce: str, decision: str = "accept", **more: Any
) -> tuple[Acceptance, ...]:
    values: dict[str, Any] = {"buyer_id": "agent-7", "facts": ClientFacts(), **more}
    buyer_id, facts = values.pop("buyer_id"), values.pop("facts")
    return await paykeel.terms.acceptances.decide(
        merchant.merchant_id, nonce, buyer_id, decision, facts, **values
    )


async def refusal(error: type[Exception], awaitable: Any) -> str:
    with pytest.raises(error) as caught:
        await awaitable
    code: str = caught.value.code  # type: ignore[attr-defined]
    return code


async def test_all_that_was_told_is_stored_and_the_rest_is_taken_from_what_was_shown(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    version = await require_terms(paykeel, merchant)
    shown = await show(paykeel, merchant)
    (said,) = await say(paykeel, merchant, shown.nonce, facts=FACTS)
    for name in (
        "method", "actor_kind", "actor_id", "on_behalf_of", "authority", "scrolled_to_end",
        "dwell_ms", "client_locale", "time_zone", "page_url", "request_id", "payment_id",
        "client_at", "user_agent",
    ):  # fmt: skip
        assert getattr(said, name) == getattr(FACTS, name), name
    assert (said.ip, said.erased_at, said.replayed) == ("203.0.113.9", None, False)
    assert (said.buyer_id, said.buyer_role, said.decision) == ("agent-7", "agent", "accept")
    assert (said.document_key, said.document_title, said.purpose) == ("terms", "Terms", "contract")
    assert (said.version_id, said.version) == (version.version_id, "1.0.0")
    assert said.version_sha256 == version.version_sha256
    assert said.locale == "en"
    assert said.text_sha256 == hashlib.sha256(f"{TEXTS['en']}\n1.0.0\n".encode()).digest()
    assert said.presentation_id == shown.presentation_id
    assert (said.imported_from, said.imported_ref) == (None, None)
    assert said.occurred_at == said.recorded_at > shown.shown_at
    # Both hashes follow from what is stored.
    kinds = await read_kinds(
        paykeel.database, SealedTable("terms_presentations", "terms_presentations")
    )
    document = await admin.fetchval("SELECT to_jsonb(p)::text FROM terms_presentations p")
    digest = presentation_sha256(shown.presentation_id, document, kinds)
    assert said.presentation_sha256 == digest
    personal = await admin.fetchrow("SELECT ip, ip_salt, user_agent_salt FROM terms_personal")
    assert personal is not None
    assert said.ip_hash == salted_hash(personal["ip_salt"], "203.0.113.9")
    assert said.user_agent_hash == salted_hash(personal["user_agent_salt"], "Mozilla/5.0")
    assert personal["ip_salt"] != personal["user_agent_salt"]
    assert await paykeel.terms.acceptances.get(merchant.merchant_id, said.acceptance_id) == said


async def test_nothing_personal_is_stored_where_nothing_was_told(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await require_terms(paykeel, merchant)
    (said,) = await accept_terms(paykeel, merchant)
    assert (said.ip, said.user_agent, said.ip_hash, said.user_agent_hash) == (None,) * 4
    assert await admin.fetchval("SELECT count(*) FROM terms_personal") == 0


async def test_the_same_again_is_what_was_stored(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await require_terms(paykeel, merchant)
    await require_terms(paykeel, merchant, key="privacy")
    shown = await show(paykeel, merchant)
    first = await say(paykeel, merchant, shown.nonce, facts=FACTS)
    assert [one.document_key for one in first] == ["privacy", "terms"]
    again = await say(paykeel, merchant, shown.nonce)
    assert [one.acceptance_id for one in again] == [one.acceptance_id for one in first]
    assert all(one.replayed for one in again)
    assert again[0].dwell_ms == FACTS.dwell_ms
    # Even when it is over, and when the version is not in force any more.
    await require_terms(paykeel, merchant, version="2.0.0")
    await admin.execute("SET session_replication_role = replica")
    await admin.execute(
        "UPDATE terms_presentations SET shown_at = now() - interval '2 h', expires_at = now()"
    )
    assert await say(paykeel, merchant, shown.nonce) == again
    assert await admin.fetchval("SELECT count(*) FROM terms_acceptance") == 2


async def test_each_version_is_answered_by_itself_where_only_some_are_named(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    terms = await require_terms(paykeel, merchant)
    news = await require_terms(paykeel, merchant, key="news", purpose="marketing")
    shown = await show(paykeel, merchant, keys=("terms", "news"))
    nonce = shown.nonce
    (one,) = await say(paykeel, merchant, nonce, version_ids=[terms.version_id] * 2)
    assert one.document_key == "terms"
    (other,) = await say(paykeel, merchant, nonce, "decline", version_ids=[news.version_id])
    assert (other.document_key, other.decision) == ("news", "decline")
    # To all of it nothing can be said any more: one part was declined.
    assert await refusal(Refused, say(paykeel, merchant, nonce)) == "terms_nonce_used"
    # What is left of it can be said together with what was said.
    shown = await show(paykeel, merchant, keys=("terms", "news"))
    await say(paykeel, merchant, shown.nonce, version_ids=[terms.version_id])
    both = await say(paykeel, merchant, shown.nonce)
    assert [(one.document_key, one.replayed) for one in both] == [("terms", True), ("news", False)]


async def test_each_misuse_of_a_nonce_has_its_code(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    version = await require_terms(paykeel, merchant)
    other = await paykeel.merchants.create("Mill Market")
    nonce = (await show(paykeel, merchant)).nonce
    for wrong in ("", "x", nonce[:-1], f"{nonce}x", "A" * 43, "é" * 43):
        code = await refusal(NotFound, say(paykeel, merchant, wrong))
        assert code == "terms_nonce_unknown", wrong
    assert await refusal(NotFound, say(paykeel, other, nonce)) == "terms_nonce_unknown"
    theirs = say(paykeel, merchant, nonce, buyer_id="agent-8")
    assert await refusal(Forbidden, theirs) == "terms_nonce_of_another"
    for ids, expected in (([], "field_required"), ([new_id()], "terms_version_not_shown")):
        wrong_ids = say(paykeel, merchant, nonce, version_ids=ids)
        assert await refusal(InvalidField, wrong_ids) == expected
    for decision in ("withdraw", "yes", ""):
        odd = say(paykeel, merchant, nonce, decision)
        assert await refusal(InvalidField, odd) == "choice_unknown"
    assert await admin.fetchval("SELECT count(*) FROM terms_acceptance") == 0
    await say(paykeel, merchant, nonce, version_ids=[version.version_id])
    assert await refusal(Refused, say(paykeel, merchant, nonce, "decline")) == "terms_nonce_used"
    assert await admin.fetchval("SELECT array_agg(decision) FROM terms_acceptance") == ["accept"]


async def test_what_was_shown_too_long_ago_is_not_accepted(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await require_terms(paykeel, merchant)
    nonce = (await show(paykeel, merchant)).nonce
    await admin.execute("SET session_replication_role = replica")
    await admin.execute(
        "UPDATE terms_presentations SET shown_at = now() - interval '2 h', expires_at = now()"
    )
    for decision in ("accept", "decline"):
        late = say(paykeel, merchant, nonce, decision)
        assert await refusal(Refused, late) == "terms_presentation_expired"
    assert await admin.fetchval("SELECT count(*) FROM terms_acceptance") == 0


async def test_a_version_that_is_not_in_force_any_more_is_not_accepted(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    first = await require_terms(paykeel, merchant)
    await require_terms(paykeel, merchant, key="privacy")
    shown = await show(paykeel, merchant)
    # Even a small change: what is accepted is what is in force.
    await require_terms(paykeel, merchant, version="1.0.1")
    with pytest.raises(Refused) as caught:
        await say(paykeel, merchant, shown.nonce)
    assert caught.value.code == "terms_version_stale"
    assert caught.value.data["version_ids"] == [str(first.version_id)]
    # Neither was the other one, which is in force.
    assert await admin.fetchval("SELECT count(*) FROM terms_acceptance") == 0
    # Declined it can be.
    declined = await say(paykeel, merchant, shown.nonce, "decline")
    assert {one.decision for one in declined} == {"decline"}


async def test_a_version_that_was_withdrawn_or_has_ended_is_stale(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    now = await admin.fetchval("SELECT now()")
    version = await require_terms(paykeel, merchant)
    ending = await require_terms(
        paykeel, merchant, key="privacy", effective_to=now + timedelta(days=1)
    )
    shown = await show(paykeel, merchant, keys=("terms",))
    await paykeel.terms.documents.withdraw(
        merchant.merchant_id, version.version_id, "A mistake", author="Ann"
    )
    assert await refusal(Refused, say(paykeel, merchant, shown.nonce)) == "terms_version_stale"
    shown = await show(paykeel, merchant, keys=("privacy",))
    await admin.execute("SET session_replication_role = replica")
    await admin.execute(
        "UPDATE terms_versions SET effective_to = now(), effective_from = now() - interval '1 d'"
        " WHERE version_id = $1",
        ending.version_id,
    )
    assert await refusal(Refused, say(paykeel, merchant, shown.nonce)) == "terms_version_stale"


async def test_a_withdrawal_is_a_word_of_its_own(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    acceptances, whose = paykeel.terms.acceptances, merchant.merchant_id
    await require_terms(paykeel, merchant)
    await require_terms(paykeel, merchant, scope=TermsScope(jurisdiction="DE"))
    await require_terms(paykeel, merchant, key="news", purpose="marketing")
    nothing = acceptances.withdraw(whose, "agent-7", "terms", FACTS)
    assert await refusal(Refused, nothing) == "terms_nothing_to_withdraw"
    first = await accept_terms(paykeel, merchant)
    second = await accept_terms(paykeel, merchant, jurisdiction="DE")
    await accept_terms(paykeel, merchant, keys=("news",))
    await accept_terms(paykeel, merchant, "agent-8")
    back = await acceptances.withdraw(whose, "agent-7", "terms", FACTS)
    # Of all its lines, and of no other document or buyer.
    assert {one.version_id for one in back} == {first[0].version_id, second[0].version_id}
    assert {one.decision for one in back} == {"withdraw"}
    assert [one.presentation_id for one in back] == [None, None]
    assert {one.ip for one in back} == {"203.0.113.9"}
    assert len({one.ip_hash for one in back}) == 2
    found = await acceptances.status(whose, "agent-7", TermsScope("agent"))
    assert [one.state.value for one in found] == ["accepted", "withdrawn"]
    again = acceptances.withdraw(whose, "agent-7", "terms", FACTS)
    assert await refusal(Refused, again) == "terms_nothing_to_withdraw"
    unknown = acceptances.withdraw(whose, "agent-7", "refunds", FACTS)
    assert await refusal(NotFound, unknown) == "terms_document_unknown"
    assert await admin.fetchval("SELECT count(*) FROM terms_personal") == 2


async def test_what_was_shown_before_a_withdrawal_does_not_bring_back_what_it_took(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    acceptances, whose = paykeel.terms.acceptances, merchant.merchant_id
    terms = await require_terms(paykeel, merchant)
    news = await require_terms(paykeel, merchant, key="news", purpose="marketing")

    async def states() -> list[str]:
        found = await acceptances.status(whose, "agent-7", TermsScope("agent"))
        return [one.state.value for one in found]

    old, older = [await show(paykeel, merchant, keys=("terms", "news")) for _ in range(2)]
    (said,) = await accept_terms(paykeel, merchant, keys=("terms",))
    # The withdrawal of another buyer, or before it was shown, is none of this.
    await accept_terms(paykeel, merchant, "agent-8", keys=("terms",))
    await acceptances.withdraw(whose, "agent-8", "terms", ClientFacts())
    await say(paykeel, merchant, older.nonce, version_ids=[terms.version_id])
    await acceptances.withdraw(whose, "agent-7", "terms", ClientFacts())
    assert await states() == ["missing", "withdrawn"]
    code = await refusal(Refused, say(paykeel, merchant, old.nonce))
    assert code == "terms_presentation_outdated"
    assert await states() == ["missing", "withdrawn"]
    # Nor by the statement itself, where it was taken back a moment ago.
    added = await paykeel.database.fetch(
        SQL["add_decisions"],
        merchant_id=whose,
        presentation_id=old.presentation_id,
        presentation_sha256=bytes(32),
        version_ids=[terms.version_id],
        decision="accept",
        **told(ClientFacts()),
        **salted(ClientFacts(), 1),
    )
    assert added == []
    # What was said before can be told again, and what was not taken back can be accepted.
    (again,) = await say(paykeel, merchant, older.nonce, version_ids=[terms.version_id])
    assert (again.replayed, again.acceptance_id != said.acceptance_id) == (True, True)
    await say(paykeel, merchant, old.nonce, version_ids=[news.version_id])
    declined = await say(paykeel, merchant, old.nonce, "decline", version_ids=[terms.version_id])
    assert [one.decision for one in declined] == ["decline"]
    assert await states() == ["accepted", "withdrawn"]
    await accept_terms(paykeel, merchant, keys=("terms",))
    assert await states() == ["accepted", "accepted"]


async def test_a_clock_that_was_set_back_does_not_undo_the_last_word(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    acceptances, whose = paykeel.terms.acceptances, merchant.merchant_id
    await require_terms(paykeel, merchant)
    await accept_terms(paykeel, merchant)
    await admin.execute("SET session_replication_role = replica")
    await admin.execute("UPDATE terms_acceptance SET occurred_at = now() + interval '10 s'")
    (back,) = await acceptances.withdraw(whose, "agent-7", "terms", ClientFacts())
    assert back.occurred_at > back.recorded_at
    (one,) = await acceptances.status(whose, "agent-7", TermsScope("agent"))
    assert one.state == "withdrawn"
    await accept_terms(paykeel, merchant)
    (one,) = await acceptances.status(whose, "agent-7", TermsScope("agent"))
    assert one.state == "accepted"


async def test_the_history_of_a_subject_goes_page_by_page(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    acceptances, whose = paykeel.terms.acceptances, merchant.merchant_id
    await require_terms(paykeel, merchant)
    said: list[Acceptance] = []
    for decision in ("decline", "accept", "decline", "accept", "accept"):
        said += await accept_terms(paykeel, merchant, keys=("terms",), decision=decision)
    await accept_terms(paykeel, merchant, "agent-8")
    expected = sorted((one.acceptance_id for one in said), reverse=True)
    assert (await acceptances.history(whose, "agent-7")).next_cursor is None
    found, cursor = [], None
    while True:
        page = await acceptances.history(whose, "agent-7", cursor, 2)
        found += [one.acceptance_id for one in page.acceptances]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == expected
    assert (await acceptances.history(whose, "agent-9")).acceptances == ()
    for cursor, rows, code in (
        ("x", 10, "cursor_malformed"),
        (None, 0, "limit_out_of_range"),
        (None, 101, "limit_out_of_range"),
    ):
        page_refused = acceptances.history(whose, "agent-7", cursor, rows)
        assert await refusal(InvalidField, page_refused) == code


async def test_two_merchants_never_see_each_other(paykeel: Paykeel, merchant: Merchant) -> None:
    acceptances = paykeel.terms.acceptances
    other = (await paykeel.merchants.create("Mill Market")).merchant_id
    await require_terms(paykeel, merchant)
    (said,) = await accept_terms(paykeel, merchant, facts=FACTS)
    theirs = acceptances.get(other, said.acceptance_id)
    assert await refusal(NotFound, theirs) == "terms_acceptance_unknown"
    assert (await acceptances.history(other, "agent-7")).acceptances == ()
    assert await acceptances.status(other, "agent-7", TermsScope("agent")) == []
    back = acceptances.withdraw(other, "agent-7", "terms", FACTS)
    assert await refusal(NotFound, back) == "terms_document_unknown"
    erased = acceptances.erase(other, acceptance_id=said.acceptance_id, author="Ann")
    assert await refusal(NotFound, erased) == "terms_acceptance_unknown"
    assert await acceptances.erase(other, buyer_id="agent-7", author="Ann") == 0
    tomorrow = said.occurred_at + timedelta(days=1)
    assert await acceptances.erase(other, before=tomorrow, author="Ann") == 0
