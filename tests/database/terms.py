"""Terms that a test needs: documents that are published, and buyers who have accepted them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.errors import NotFound
from paykeel.terms.acceptance import Asked
from paykeel.terms.drafting import Draft
from paykeel.terms.evidence_facts import ClientFacts
from paykeel.terms.model import ANY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from paykeel.terms.acceptance import Acceptance
    from paykeel.terms.model import TermsVersion

AUTHOR = "Ann"
TEXTS = {"en": "# Terms\n\nWhat is bought is paid for.\n"}


async def require_terms(
    paykeel: Paykeel,
    merchant: Merchant,
    *,
    key: str = "terms",
    version: str = "1.0.0",
    texts: Mapping[str, str] | None = None,
    purpose: str = "contract",
    required: bool | None = None,
    **draft: Any,
) -> TermsVersion:
    """Publish a version of a document, which is made if there is none of this key yet.

    ``draft`` is whatever else a draft may say: its scope, its dates, its grace.
    """
    documents, whose = paykeel.terms.documents, merchant.merchant_id
    try:
        await documents.get(whose, key)
    except NotFound:
        title = key.replace("_", " ").replace("-", " ").capitalize()
        await documents.create(whose, key, purpose, title, author=AUTHOR, required=required)
    # No two versions are of the same text.
    wording = texts or {locale: f"{text}\n{version}\n" for locale, text in TEXTS.items()}
    drafted = await documents.draft(
        whose, key, Draft(version=version, texts=wording, **draft), author=AUTHOR
    )
    return await documents.publish(whose, drafted.version_id, author=AUTHOR)


async def accept_terms(
    paykeel: Paykeel,
    merchant: Merchant,
    buyer_id: str = "agent-7",
    *,
    keys: Sequence[str] = (),
    decision: str = "accept",
    buyer_role: str = "agent",
    facts: ClientFacts | None = None,
    **context: str,
) -> tuple[Acceptance, ...]:
    """Show a buyer what it lacks, or these documents, and have it accept all of them.

    ``context`` is where it purchases what: jurisdiction, product and channel.
    """
    acceptances, whose = paykeel.terms.acceptances, merchant.merchant_id
    place: dict[str, Any] = {
        "jurisdiction": ANY,
        "product": "purchase",
        "channel": ANY,
        **context,
    }
    asked = Asked(buyer_id=buyer_id, buyer_role=buyer_role, keys=tuple(keys), **place)
    shown = await acceptances.present(whose, asked)
    return await acceptances.decide(whose, shown.nonce, buyer_id, decision, facts or ClientFacts())
