"""One tree of errors, as its module draws it."""

import re
from collections.abc import Iterator

import pytest

from paykeel import errors
from paykeel.errors import InvalidField, PaykeelError


def tree(kind: type[PaykeelError] = PaykeelError) -> Iterator[type[PaykeelError]]:
    """Give the classes of the tree that the module itself defines."""
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from tree(child)


def drawn() -> dict[str, str]:
    """Read the drawing: the name of each class, and its parent's."""
    parents, above = {}, {0: "PaykeelError"}
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^ {4}([│ ]*)[├└]── (\w+)", line)
        if found:
            depth = len(found[1]) // 4 + 1
            above[depth] = found[2]
            parents[found[2]] = above[depth - 1]
    return parents


def test_the_drawing_is_the_tree() -> None:
    classes = {kind.__name__: kind.__base__.__name__ for kind in tree() if kind.__base__}
    assert classes.pop("PaykeelError") == "Exception"
    assert drawn() == classes


def test_every_code_is_its_own() -> None:
    codes = [kind.code for kind in tree() if kind is not InvalidField]
    # A card number is a wrong field, and says so with a code given at its making.
    own = [code for code in codes if code != errors.InvalidInput.code]
    assert len(set(own)) == len(own)
    assert all(re.fullmatch(r"[a-z][a-z_]*", code) for code in codes)


@pytest.mark.parametrize("kind", list(tree()), ids=lambda kind: kind.__name__)
def test_only_what_may_be_repeated_says_so(kind: type[PaykeelError]) -> None:
    repeatable = issubclass(
        kind, errors.Unavailable | errors.IdempotencyInFlight | errors.OperationInFlight
    )
    assert kind.retryable is repeatable


def test_an_error_speaks_for_itself() -> None:
    error = errors.NotFound()
    assert str(error) == error.message == "There is no such thing, or it belongs to somebody else."
    assert (error.code, error.data) == ("not_found", {})
    told = errors.Forbidden("No.", code="merchant_suspended", merchant="m")
    assert (str(told), told.code, told.data) == ("No.", "merchant_suspended", {"merchant": "m"})
    assert errors.Forbidden.code == "forbidden"


def test_a_refused_card_number_names_the_field_only() -> None:
    error = errors.CardNumberRefused("metadata.note")
    assert isinstance(error, InvalidField)
    assert (error.code, error.field) == ("card_number_refused", "metadata.note")
