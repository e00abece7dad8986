"""What is shown is stored first: to whom, which texts, in which languages, until when."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from paykeel.errors import NotFound, Refused
from paykeel.terms import TermsScope
from paykeel.terms.acceptance import Asked, State
from paykeel.terms.evidence_facts import ClientFacts
from tests.database.terms import accept_terms, require_terms

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from paykeel.terms.acceptance import Presentation

EN, DE = "# Terms\n\nPay what you buy.\n", "# Bedingungen\n\nWer kauft, zahlt.\n"
BUYER: dict[str, Any] = {"buyer_id": "agent-7", "buyer_role": "agent"}


async def show(paykeel: Paykeel, merchant: Merchant, **asked: Any) -> Presentation:
    return await paykeel.terms.acceptances.present(merchant.merchant_id, Asked(**BUYER | asked))


async def states(paykeel: Paykeel, merchant: Merchant, **context: str) -> dict[str, str]:
    found = await paykeel.terms.acceptances.status(
        merchant.merchant_id, "agent-7", TermsScope(**{"buyer_role": "agent"} | context)
    )
    return {one.requirement.document.key: one.state.value for one in found}


async def test_what_is_shown_is_what_is_stored(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    version = await require_terms(paykeel, merchant, texts={"en": EN, "de": DE})
    shown = await show(
        paykeel, merchant, locales=("de-AT", "en"), jurisdiction="AT", product="ticket",
        channel="web", component="terms-dialog 1.4",
    )  # fmt: skip
    (item,) = shown.items
    assert (item.version, item.locale, item.fell_back) == (version, "de", True)
    assert item.reason is State.MISSING
    assert "<p>Wer kauft, zahlt.</p>" in item.html
    assert item.content_sha256 == hashlib.sha256(DE.encode()).digest()
    assert shown.notice_locale == "de"
    assert shown.button_label in shown.notice
    row = dict((await admin.fetchrow("SELECT * FROM terms_presentations")) or {})
    assert row == {
        "merchant_id": merchant.merchant_id,
        "presentation_id": shown.presentation_id,
        "nonce_sha256": hashlib.sha256(shown.nonce.encode()).digest(),
        "buyer_id": "agent-7",
        "buyer_role": "agent",
        "jurisdiction": "AT",
        "product": "ticket",
        "channel": "web",
        "locales_asked": ["de-AT", "en"],
        "version_ids": [version.version_id],
        "locales": ["de"],
        "text_sha256s": [item.content_sha256],
        "notice": shown.notice,
        "button_label": shown.button_label,
        "component": "terms-dialog 1.4",
        "shown_at": shown.shown_at,
        "expires_at": shown.expires_at,
    }
    assert shown.expires_at - shown.shown_at == timedelta(hours=1)


async def test_a_nonce_is_told_once(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await require_terms(paykeel, merchant)
    nonces = [(await show(paykeel, merchant)).nonce for _ in range(3)]
    assert len(set(nonces)) == 3
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", nonce) for nonce in nonces)
    stored = await admin.fetchval("SELECT string_agg(p::text, ' ') FROM terms_presentations p")
    assert not any(nonce in stored for nonce in nonces)


async def test_only_what_is_missing_is_shown(paykeel: Paykeel, merchant: Merchant) -> None:
    await require_terms(paykeel, merchant, key="privacy", purpose="privacy")
    await require_terms(paykeel, merchant, key="terms")
    await require_terms(paykeel, merchant, key="news", purpose="marketing")
    shown = await show(paykeel, merchant)
    assert [item.document.key for item in shown.items] == ["privacy", "terms"]
    await accept_terms(paykeel, merchant, keys=("privacy",))
    shown = await show(paykeel, merchant)
    assert [item.document.key for item in shown.items] == ["terms"]
    await accept_terms(paykeel, merchant)
    with pytest.raises(Refused) as caught:
        await show(paykeel, merchant)
    assert caught.value.code == "terms_nothing_to_accept"
    assert await states(paykeel, merchant) == {
        "news": "missing", "privacy": "accepted", "terms": "accepted"
    }  # fmt: skip


async def test_documents_that_are_named_are_shown_whatever_was_said(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    await require_terms(paykeel, merchant)
    await require_terms(paykeel, merchant, key="news", purpose="marketing")
    await accept_terms(paykeel, merchant)
    shown = await show(paykeel, merchant, keys=("news", "terms", "news"))
    assert [(item.document.key, item.reason.value) for item in shown.items] == [
        ("news", "missing"), ("terms", "accepted")
    ]  # fmt: skip


async def test_a_document_that_is_not_there_is_not_shown(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    await require_terms(paykeel, merchant, scope=TermsScope(jurisdiction="DE"))
    with pytest.raises(NotFound) as unknown:
        await show(paykeel, merchant, keys=("privacy",))
    assert unknown.value.code == "terms_document_unknown"
    # It is there, and for nobody like this.
    with pytest.raises(Refused) as caught:
        await show(paykeel, merchant, keys=("terms",), jurisdiction="FR")
    assert caught.value.code == "terms_nothing_to_accept"
    with pytest.raises(NotFound):
        await paykeel.terms.acceptances.present(UUID(int=7), Asked(**BUYER))


async def test_the_most_specific_line_is_shown(paykeel: Paykeel, merchant: Merchant) -> None:
    await require_terms(paykeel, merchant)
    german = await require_terms(paykeel, merchant, scope=TermsScope(jurisdiction="DE"))
    bavarian = await require_terms(paykeel, merchant, scope=TermsScope(jurisdiction="DE-BY"))
    for place, version in (("DE", german), ("DE-BY", bavarian), ("DE-BE", german)):
        (item,) = (await show(paykeel, merchant, jurisdiction=place)).items
        assert item.version == version, place
    # What was accepted in one line is not accepted in another.
    await accept_terms(paykeel, merchant, jurisdiction="DE")
    assert await states(paykeel, merchant, jurisdiction="DE") == {"terms": "accepted"}
    assert await states(paykeel, merchant, jurisdiction="DE-BY") == {"terms": "missing"}


async def test_languages_fall_back_and_say_so(paykeel: Paykeel, merchant: Merchant) -> None:
    await require_terms(paykeel, merchant, texts={"en": EN, "de": DE, "pt-BR": "# Termos\n"})
    for asked, locale, fell_back, words in (
        ((), "en", False, "en"),
        (("de",), "de", False, "de"),
        (("de-CH-1996",), "de", True, "de"),
        (("pt",), "en", True, "pt"),
        (("pt-br",), "pt-BR", False, "pt"),
        # No text and no words in the one language: both in the next.
        (("gsw", "de"), "de", True, "de"),
        (("ja",), "en", True, "en"),
    ):
        shown = await show(paykeel, merchant, locales=asked)
        (item,) = shown.items
        assert (item.locale, item.fell_back) == (locale, fell_back), asked
        assert shown.notice_locale == words, asked


async def test_the_states_of_a_subject_over_time(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    acceptances, whose = paykeel.terms.acceptances, merchant.merchant_id
    await require_terms(paykeel, merchant, reaccept_after_days=30)
    assert await states(paykeel, merchant) == {"terms": "missing"}
    await accept_terms(paykeel, merchant, decision="decline")
    assert await states(paykeel, merchant) == {"terms": "missing"}
    (said,) = await accept_terms(paykeel, merchant)
    (standing,) = await acceptances.status(whose, "agent-7", TermsScope("agent"))
    assert standing.state is State.ACCEPTED
    assert standing.acceptance_id == said.acceptance_id
    assert standing.accepted_at == said.occurred_at
    assert standing.until == said.occurred_at + timedelta(days=30)
    # A decline takes nothing back.
    await accept_terms(paykeel, merchant, keys=("terms",), decision="decline")
    assert await states(paykeel, merchant) == {"terms": "accepted"}
    await acceptances.withdraw(whose, "agent-7", "terms", ClientFacts())
    assert await states(paykeel, merchant) == {"terms": "withdrawn"}
    assert (await show(paykeel, merchant)).items[0].reason is State.WITHDRAWN
    await accept_terms(paykeel, merchant)
    await require_terms(paykeel, merchant, version="1.1.0", reaccept_after_days=30)
    assert await states(paykeel, merchant) == {"terms": "accepted"}
    await require_terms(paykeel, merchant, version="2.0.0", grace_days=7)
    assert await states(paykeel, merchant) == {"terms": "grace"}
    assert (await show(paykeel, merchant)).items[0].reason is State.GRACE
    await require_terms(paykeel, merchant, version="3.0.0")
    assert await states(paykeel, merchant) == {"terms": "outdated"}
    await accept_terms(paykeel, merchant)
    await require_terms(paykeel, merchant, version="4.0.0", reaccept_after_days=1)
    await accept_terms(paykeel, merchant)
    assert await states(paykeel, merchant) == {"terms": "accepted"}
    await admin.execute("SET session_replication_role = replica")
    await admin.execute("UPDATE terms_acceptance SET occurred_at = occurred_at - interval '2 d'")
    assert await states(paykeel, merchant) == {"terms": "expired"}


async def test_a_version_that_was_withdrawn_is_not_shown(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    first = await require_terms(paykeel, merchant)
    second = await require_terms(paykeel, merchant, version="2.0.0")
    for version, rest in ((second, [first]), (first, [])):
        await paykeel.terms.documents.withdraw(
            merchant.merchant_id, version.version_id, "A mistake", author="Ann"
        )
        if rest:
            shown = await show(paykeel, merchant)
            assert [item.version for item in shown.items] == rest
    with pytest.raises(Refused):
        await show(paykeel, merchant)


async def test_what_has_just_been_published_is_shown_by_a_process_whose_clock_is_behind(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    paykeel.database.observe(await admin.fetchval("SELECT now() - interval '1 minute'"))
    version = await require_terms(paykeel, merchant)
    assert version.effective_from is not None
    assert paykeel.database.now() < version.effective_from
    assert [item.version for item in (await show(paykeel, merchant)).items] == [version]
    assert await states(paykeel, merchant) == {"terms": "missing"}
