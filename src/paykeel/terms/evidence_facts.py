"""What a client says about how something was accepted, checked before it is stored. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from paykeel.cardnumbers import address_as_read, refuse_card_numbers
from paykeel.errors import InvalidField
from paykeel.sealing.canonical import canonical_row, leaf_hash
from paykeel.texts import check_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from paykeel.sealing.canonical import Kind

BUYER_ID_CHARACTERS_MAX = 128
IP_CHARACTERS_MAX = 45
USER_AGENT_CHARACTERS_MAX = 1_000
DWELL_MS_MAX = 86_400_000
#: Instants are kept far from where a calendar ends.
YEARS = range(1970, 9_999)
#: The name under which what was shown is hashed.
PRESENTATIONS = "terms_presentations"
_LENGTHS = {
    "actor_id": 128,
    "on_behalf_of": 200,
    "authority": 500,
    "client_locale": 50,
    "time_zone": 64,
    "page_url": 2_000,
    "request_id": 100,
    "user_agent": USER_AGENT_CHARACTERS_MAX,
}


class Method(StrEnum):
    """How it was said."""

    CHECKBOX_CLICK = "checkbox_click"
    BUTTON_CLICK = "button_click"
    #: The button could be clicked only when the text had been scrolled through.
    SCROLL_CLICK = "scroll_click"
    TYPED_NAME = "typed_name"
    API = "api"


class ActorKind(StrEnum):
    """Who said it."""

    #: The subject, in person.
    HUMAN = "human"
    #: Somebody who may act for the subject.
    DELEGATE = "delegate"
    #: A program that acts for the subject.
    ELECTRONIC_AGENT = "electronic_agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFacts:
    """The circumstances of a decision, as the client tells them; all of it is checked here.

    Raises on creation:
        InvalidField: One field is wrong; ``code`` says how.
    """

    method: str = Method.BUTTON_CLICK
    actor_kind: str = ActorKind.HUMAN
    #: Who acted, if not the subject: needed for a delegate and for an electronic agent.
    actor_id: str | None = None
    #: The person or firm that is bound.
    on_behalf_of: str | None = None
    #: What allows it, such as the number of a power of attorney: needed as ``actor_id`` is.
    authority: str | None = None
    scrolled_to_end: bool | None = None
    #: How long the text was in sight, in milliseconds.
    dwell_ms: int | None = None
    #: IPv4 or IPv6; kept in one spelling. It can be erased later.
    ip: str | None = None
    #: It can be erased later.
    user_agent: str | None = None
    #: The browser's own language.
    client_locale: str | None = None
    #: The browser's time zone, such as Europe/Berlin.
    time_zone: str | None = None
    page_url: str | None = None
    request_id: str | None = None
    payment_id: UUID | None = None
    #: The time by the client's own clock.
    client_at: datetime | None = None

    def __post_init__(self) -> None:
        """Check every field."""
        _check_choice(self.method, "method", Method)
        _check_choice(self.actor_kind, "actor_kind", ActorKind)
        for name, characters_max in _LENGTHS.items():
            value = getattr(self, name)
            if value is not None:
                check_text(value, name, characters_max)
        if self.page_url is not None:
            refuse_card_numbers(address_as_read(self.page_url), "page_url")
        if self.actor_kind != ActorKind.HUMAN:
            for name in ("actor_id", "authority"):
                if getattr(self, name) is None:
                    raise InvalidField(
                        name, "field_required", "Say who acts for the subject, and what allows it."
                    )
        _check_numbers(self.scrolled_to_end, self.dwell_ms)
        at = self.client_at
        if at is not None and (at.utcoffset() is None or at.year not in YEARS):
            raise InvalidField(
                "client_at", "instant_malformed", "An instant says its offset from UTC."
            )
        if self.ip is not None:
            object.__setattr__(self, "ip", spell_ip(self.ip))


def check_buyer_id(value: object) -> str:
    """Return a subject's id.

    Raises:
        InvalidField: As :func:`paykeel.texts.check_text`.
    """
    return check_text(value, "buyer_id", BUYER_ID_CHARACTERS_MAX)


def spell_ip(value: object, name: str = "ip") -> str:
    """Return an address in its one spelling; IPv4 that is written as IPv6 is what it is.

    Raises:
        InvalidField: ``ip_malformed``, or it is no text.

    >>> spell_ip("::FFFF:203.0.113.9"), spell_ip("2001:DB8:0::1")
    ('203.0.113.9', '2001:db8::1')
    """
    text = check_text(value, name, IP_CHARACTERS_MAX)
    try:
        # A zone tells interfaces of one machine apart; nobody else knows them.
        address = ipaddress.ip_address(text.replace("%", " "))
    except ValueError as error:
        raise InvalidField(name, "ip_malformed", "This must be an IPv4 or IPv6 address.") from error
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def read_instant(text: object, name: str) -> datetime:
    """Return an instant that was written as RFC 3339.

    Raises:
        InvalidField: ``instant_malformed``.

    >>> read_instant("2026-11-23T10:30:00+01:00", "accepted_at").isoformat()
    '2026-11-23T09:30:00+00:00'
    """
    try:
        instant = datetime.fromisoformat(text) if isinstance(text, str) else None
        if instant is not None and instant.utcoffset() is not None and instant.year in YEARS:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InvalidField(name, "instant_malformed", "Write an instant like 2026-11-23T09:30:00Z.")


def presentation_sha256(presentation_id: UUID, document: str, kinds: Mapping[str, Kind]) -> bytes:
    """Return what is kept with an acceptance of the presentation that it answers.

    Args:
        presentation_id: Its id.
        document: Its row, as PostgreSQL's ``to_jsonb`` writes it.
        kinds: How each column of ``terms_presentations`` is written.
    """
    return leaf_hash(PRESENTATIONS, presentation_id, canonical_row(document, kinds))


def _check_choice(value: object, name: str, choices: type[StrEnum]) -> None:
    if not isinstance(value, str) or value not in set(choices):
        raise InvalidField(name, "choice_unknown", f"Use one of: {', '.join(choices)}.")


def _check_numbers(scrolled_to_end: object, dwell_ms: object) -> None:
    if scrolled_to_end is not None and not isinstance(scrolled_to_end, bool):
        raise InvalidField("scrolled_to_end", "boolean_required", "This must be true or false.")
    if dwell_ms is None:
        return
    if not isinstance(dwell_ms, int) or isinstance(dwell_ms, bool):
        raise InvalidField("dwell_ms", "integer_required", "This must be an integer.")
    if not 0 <= dwell_ms <= DWELL_MS_MAX:
        raise InvalidField("dwell_ms", "integer_out_of_range", f"From 0 to {DWELL_MS_MAX}.")
