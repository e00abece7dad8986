"""The fields of a body: each is read by what it must be, and one that nobody would read is refused.

What a text may hold is checked where it is stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from paykeel.errors import InvalidField, NotFound
from paykeel.fraud.labels import read_instant
from paykeel.payments.model import refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from fastapi import Request

#: Integers beyond are no counts of anything.
_INTEGER_MAX = 2**53


class Fields:
    """A JSON object of a request. What is null is as good as left out.

    >>> Fields({"buyer": {"id": "agent-7"}}, {"buyer"}).part("buyer", {"id"}).text("id")
    'agent-7'
    """

    def __init__(self, document: Mapping[str, Any], known: set[str], prefix: str = "") -> None:
        """Take the object and the names of its fields; ``prefix`` is where it stands.

        Raises:
            InvalidField: ``field_unknown``.
        """
        refuse_unknown(document, known, prefix)
        self._document = document
        self._prefix = prefix

    def has(self, name: str) -> bool:
        """Say whether a field is given."""
        return self._document.get(name) is not None

    def require(self, *names: str) -> None:
        """Refuse the object if a field is missing.

        Raises:
            InvalidField: ``field_required``.
        """
        for name in names:
            if not self.has(name):
                shown = f"{self._prefix}{name}"
                raise InvalidField(shown, "field_required", f"The field {shown} is missing.")

    def needed_text(self, name: str) -> str:
        """Return a text that must be given.

        Raises:
            InvalidField: ``field_required`` or ``text_required``.
        """
        self.require(name)
        return str(self.text(name))

    def text(self, name: str) -> str | None:
        """Return a text.

        Raises:
            InvalidField: ``text_required``.
        """
        value = self._document.get(name)
        if value is not None and not isinstance(value, str):
            raise InvalidField(f"{self._prefix}{name}", "text_required", "This must be text.")
        return value

    def flag(self, name: str) -> bool | None:
        """Return true or false.

        Raises:
            InvalidField: ``boolean_required``.
        """
        value = self._document.get(name)
        if value is not None and not isinstance(value, bool):
            message = "This must be true or false."
            raise InvalidField(f"{self._prefix}{name}", "boolean_required", message)
        return value

    def integer(self, name: str) -> int | None:
        """Return an integer.

        Raises:
            InvalidField: ``integer_required`` or ``integer_out_of_range``.
        """
        value = self._document.get(name)
        if value is None:
            return None
        shown = f"{self._prefix}{name}"
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidField(shown, "integer_required", "This must be an integer.")
        if abs(value) > _INTEGER_MAX:
            raise InvalidField(shown, "integer_out_of_range", "This is too large.")
        return value

    def instant(self, name: str) -> datetime | None:
        """Return an instant.

        Raises:
            InvalidField: ``instant_malformed``.
        """
        value = self._document.get(name)
        return None if value is None else read_instant(value, f"{self._prefix}{name}")

    def identity(self, name: str) -> UUID | None:
        """Return an id of ours.

        Raises:
            InvalidField: ``id_malformed``.
        """
        value = self._document.get(name)
        return None if value is None else self._uuid(value, name)

    def identities(self, name: str) -> list[UUID] | None:
        """Return ids of ours.

        Raises:
            InvalidField: ``list_required`` or ``id_malformed``.
        """
        values = self._list(name)
        return None if values is None else [self._uuid(value, name) for value in values]

    def texts(self, name: str) -> list[str]:
        """Return texts; none if the field is left out.

        Raises:
            InvalidField: ``list_required`` or ``text_required``.
        """
        values = self._list(name) or []
        for value in values:
            if not isinstance(value, str):
                raise InvalidField(f"{self._prefix}{name}", "text_required", "Each must be text.")
        return values

    def mapping(self, name: str) -> dict[str, Any]:
        """Return an object as it is; an empty one if the field is left out.

        Raises:
            InvalidField: ``object_required``.
        """
        value = self._document.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            message = "This must be an object."
            raise InvalidField(f"{self._prefix}{name}", "object_required", message)
        return value

    def part(self, name: str, known: set[str]) -> Fields:
        """Return an object to read in its turn.

        Raises:
            InvalidField: ``object_required`` or ``field_unknown``.
        """
        return Fields(self.mapping(name), known, f"{self._prefix}{name}.")

    def _list(self, name: str) -> list[Any] | None:
        value = self._document.get(name)
        if value is not None and not isinstance(value, list):
            raise InvalidField(f"{self._prefix}{name}", "list_required", "This must be a list.")
        return value

    def _uuid(self, value: object, name: str) -> UUID:
        found = read_uuid(value)
        if found is None:
            raise InvalidField(f"{self._prefix}{name}", "id_malformed", "This is no id of ours.")
        return found


def read_uuid(text: object) -> UUID | None:
    """Return an id in its one spelling; ``None`` when it is none.

    >>> read_uuid("01A1F3C5-7A30-7D2A-8C4B-5F6E7D8C9B0A") is None
    True
    """
    try:
        found = UUID(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if str(found) == text else None


def id_in_path(request: Request, name: str, what: str, code: str | None = None) -> UUID:
    """Return the id in the path; one that cannot be an id is answered as one that is nobody's.

    Raises:
        NotFound: It is none; ``what`` says of what, and ``code`` is that of one that is nobody's.
    """
    found = read_uuid(request.path_params[name])
    if found is None:
        raise NotFound(f"There is no such {what}.", code=code)
    return found
