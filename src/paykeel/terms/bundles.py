"""Evidence bundles: one acceptance with all that proves it, to be verified anywhere. Pure.

A bundle is a JSON object. Whoever checks one needs nothing but it, and the public key that it
should be signed with:

- ``acceptance`` and ``presentation`` are rows in the canonical form of sealing/canonical.py: sorted
  names, instants in UTC, bytes as hex, nulls left out.
- ``seal`` leads from the acceptance to a signed seal; ``seal.row`` is the text that was hashed.
- ``document``, ``version`` and ``text`` are what was published; terms/digests.py says how a version
  is hashed.
- ``personal`` holds the address and the user agent with their salts, or when they were erased.
- ``told`` is what stands in the database beside it, and what no hash covers.
- ``stripe`` is made of all these, and says nothing new.

The codes of a fault are those of terms/proving.py and sealing/checking.py, and ``bundle_malformed``
and ``bundle_changed``: it lacks something, or says more than its proof or otherwise.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from paykeel.errors import InvalidInput
from paykeel.sealing.canonical import write_json
from paykeel.sealing.tables import TERMS
from paykeel.terms.bundle_form import Evidence, Malformed, read_evidence, write_bundle
from paykeel.terms.digests import version_sha256
from paykeel.terms.proving import (
    Fault,
    Published,
    acceptance_faults,
    text_faults,
    version_faults,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from paykeel.terms.proving import Wrong

#: A bundle with the largest texts is well below this.
BUNDLE_BYTES_MAX = 16_777_216


def read_bundle(text: str) -> dict[str, Any]:
    """Read a bundle from JSON; whether it is true is not looked at.

    Raises:
        InvalidInput: ``bundle_malformed``: it is no JSON object, has a name twice or a number that
            is no integer, or is too large.
    """
    if len(text) > BUNDLE_BYTES_MAX:
        raise InvalidInput(f"It has more than {BUNDLE_BYTES_MAX} bytes.", code="bundle_malformed")
    try:
        bundle = json.loads(
            text, object_pairs_hook=_no_twins, parse_float=_no_number, parse_constant=_no_number
        )
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"It is no bundle: {error}.", code="bundle_malformed") from error
    if not isinstance(bundle, dict):
        raise InvalidInput("It is no JSON object.", code="bundle_malformed")
    return bundle


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        message = "an object has a name twice"
        raise ValueError(message)
    return found


def _no_number(text: str) -> Any:
    message = f"{text} is no integer"
    raise ValueError(message)


def verify(
    bundle: Mapping[str, Any], trusted_key: bytes | Collection[bytes] | None = None
) -> list[Fault]:
    """Check a bundle by nothing but itself, and return what is wrong, the text first.

    Args:
        bundle: As :func:`read_bundle` or ``TermsEvidence.bundle`` gave it.
        trusted_key: The public key, or several, whose signature counts. Without one, a bundle that
            somebody else made and signed all anew looks as good.
    """
    trusted = [trusted_key] if isinstance(trusted_key, bytes) else (trusted_key or ())
    try:
        evidence = read_evidence(bundle)
        faults = [Fault(code, place, detail) for code, place, detail in _faults(evidence, trusted)]
        differing = next(_differences(dict(bundle), write_bundle(evidence), ""), None)
    except Malformed as error:
        return [Fault("bundle_malformed", error.part, str(error))]
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        # A row that lacks a column, or has another kind of value in it.
        return [Fault("bundle_malformed", "acceptance", f"{type(error).__name__}: {error}")]
    if differing is not None:
        detail = "it says something else here than what is proved, or more"
        faults.append(Fault("bundle_changed", differing, detail))
    return faults


def _faults(evidence: Evidence, trusted: Collection[bytes]) -> Iterator[Wrong]:
    text, version = evidence.text, evidence.version
    for code, part, detail in text_faults(text):
        yield code, f"text.{part}", detail
    listed = [one for one in evidence.texts if one.locale == text.locale]
    if [(one.content_sha256, one.html_sha256, one.is_authoritative) for one in listed] != [
        (text.content_sha256, text.html_sha256, text.is_authoritative)
    ]:
        yield "text_changed", "text", "it is not the one that the version has in this language"
    yield from version_faults(evidence.document, version, evidence.texts)
    if str(version.version_id) != evidence.acceptance["version_id"]:
        yield "version_not_accepted", "version.version_id", "another version was accepted"
    published = Published(
        document_id=version.document_id,
        scope_id=version.scope_id,
        sha256=version_sha256(evidence.document, version, evidence.texts),
        texts={text.locale: text.content_sha256},
    )
    for code, part, detail in acceptance_faults(
        evidence.acceptance, published, evidence.presentation, evidence.personal
    ):
        place = f"personal.{part}" if code.startswith("personal") else part
        yield code, place, detail
    yield from _seal_faults(evidence, trusted)


def _seal_faults(evidence: Evidence, trusted: Collection[bytes]) -> Iterator[Wrong]:
    row, seal = evidence.acceptance, evidence.proof.seal
    if (str(seal.merchant_id), seal.chain) != (row["merchant_id"], TERMS.chain):
        yield "row_changed", "seal.seal", f"it is of {seal.merchant_id} in {seal.chain}"
    content = write_json(dict(row))
    for code, detail in evidence.proof.faults(UUID(row["acceptance_id"]), content, trusted):
        yield code, "acceptance" if code == "row_changed" else "seal", detail


def _differences(one: Any, other: Any, place: str) -> Iterator[str]:
    """Name the places at which two JSON values differ, in the order of the first."""
    match one, other:
        case dict(), dict():
            for name in [*one, *(name for name in other if name not in one)]:
                below = f"{place}.{name}" if place else str(name)
                if name not in one or name not in other:
                    yield below
                else:
                    yield from _differences(one[name], other[name], below)
        case list(), list() if len(one) == len(other):
            for number, (here, there) in enumerate(zip(one, other, strict=True)):
                yield from _differences(here, there, f"{place}.{number}")
        case _:
            if type(one) is not type(other) or one != other:
                yield place or "bundle"
