"""Metadata: what a merchant keeps with a payment, a small flat mapping of text to text."""

from __future__ import annotations

from paykeel.cardnumbers import refuse_card_numbers
from paykeel.errors import InvalidField
from paykeel.texts import check_storable

METADATA_ENTRIES_MAX = 50
METADATA_KEY_CHARACTERS_MAX = 40
METADATA_VALUE_CHARACTERS_MAX = 500


def check_metadata(value: object) -> dict[str, str]:
    """Return ``value`` if it is a small flat mapping of text to text."""
    if not isinstance(value, dict):
        raise InvalidField("metadata", "metadata_not_object", "This must be an object.")
    if len(value) > METADATA_ENTRIES_MAX:
        raise InvalidField(
            "metadata", "metadata_too_many", f"At most {METADATA_ENTRIES_MAX} entries."
        )
    for key, item in value.items():
        if not isinstance(key, str) or not 1 <= len(key) <= METADATA_KEY_CHARACTERS_MAX:
            raise InvalidField(
                "metadata",
                "metadata_key_too_long",
                f"Names have 1 to {METADATA_KEY_CHARACTERS_MAX} characters.",
            )
        refuse_card_numbers(key, "metadata")
        check_storable(key, "metadata")
        if not isinstance(item, str):
            raise InvalidField(f"metadata.{key}", "text_required", "Values are text.")
        if len(item) > METADATA_VALUE_CHARACTERS_MAX:
            raise InvalidField(
                f"metadata.{key}",
                "text_too_long",
                f"At most {METADATA_VALUE_CHARACTERS_MAX} characters.",
            )
        check_storable(item, f"metadata.{key}")
        refuse_card_numbers(item, f"metadata.{key}")
    return value
