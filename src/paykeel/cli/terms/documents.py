"""``terms documents``, ``versions`` and ``show``: what a merchant asks buyers to accept."""

from __future__ import annotations

import sys
from typing import Annotated, Literal
from uuid import UUID

from cyclopts import App, Parameter

from paykeel.cli.context import (
    DEFAULTS,
    Common,
    MerchantOption,
    Output,
    choose_merchant,
    open_core,
)
from paykeel.cli.limits import Author, login
from paykeel.cli.terms.showing import show_version, versions_table
from paykeel.errors import NotFound
from paykeel.terms.json_values import document_values, version_values
from paykeel.terms.locales import check_locale
from paykeel.terms.model import Purpose

app = App(name="documents", help="List documents, and add one.")

PurposeWord = Literal["contract", "privacy", "refund_policy", "marketing"]


@app.default
async def list_(*, merchant: MerchantOption = None, common: Common = DEFAULTS) -> None:
    """List the documents that buyers are asked to accept.

    Args:
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        found = await core.terms.documents.list(owner.merchant_id)
    out.document({"documents": [document_values(one) for one in found]})
    out.table(
        ("document", "title", "purpose", "for a purchase", "by"),
        [
            (
                one.key,
                one.title,
                str(one.purpose),
                "required" if one.required else "free",
                one.author,
            )
            for one in found
        ],
        prose=("title", "by"),
    )


@app.command
async def add(
    key: str,
    /,
    *,
    purpose: PurposeWord,
    title: str,
    required: Annotated[bool | None, Parameter(negative=("--free",))] = None,
    author: Author = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Add a document; nobody is asked for it before a version of it is published.

    Args:
        key: Your own word for it, such as agent_terms; it stands in commands and addresses.
        purpose: contract, privacy, refund_policy or marketing.
        title: What buyers see.
        required: Whether a purchase needs it. Left out: yes, but marketing is always free.
        author: Who does this; the user of this terminal when left out.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        made = await core.terms.documents.create(
            owner.merchant_id,
            key,
            Purpose(purpose),
            title,
            author=author or login(),
            required=required,
        )
    out.document(document_values(made))
    needed = "a purchase will need it" if made.required else "no purchase will need it"
    out.line(f"{made.key} is there; {needed}.")
    out.line(f"Next: `paykeel terms publish FILE.md --document {made.key} --locale …`.")


async def versions(
    key: str, /, *, merchant: MerchantOption = None, common: Common = DEFAULTS
) -> None:
    """List the versions of a document, the newest first, drafts and withdrawn ones too.

    Args:
        key: The document.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        document = await core.terms.documents.get(owner.merchant_id, key)
        found = await core.terms.documents.versions(owner.merchant_id, key)
    out.document(
        {
            "document": document_values(document),
            "versions": [version_values(one) for one in found],
        }
    )
    versions_table(out, found)


async def show(
    version: UUID,
    /,
    *,
    text: str | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Show a version and the hashes of its texts, or print one of its texts.

    Args:
        version: Its id, from `paykeel terms versions`.
        text: Print the text in this language, as it is stored, and nothing else.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    locale = None if text is None else check_locale(text)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        found = await core.terms.documents.version(owner.merchant_id, version)
        document = await core.terms.documents.document_of(owner.merchant_id, found.document_id)
        texts = await core.terms.documents.texts(owner.merchant_id, version)
    if locale is None or out.json:
        chosen = [one for one in texts if locale in {None, one.locale}]
        show_version(out, document, found, chosen)
        return
    for one in texts:
        if one.locale == locale:
            # As it is: what is redirected into a file has the hash that is shown.
            sys.stdout.buffer.write(one.content.encode())
            sys.stdout.flush()
            return
    there = ", ".join(one.locale for one in texts)
    raise NotFound(f"There is no text in {locale}; there is {there}.", code="terms_text_unknown")
