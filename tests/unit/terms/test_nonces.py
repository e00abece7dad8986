"""Nonces: of one form, never the same twice, and a word to every shell."""

import re

from paykeel.terms.presenting import new_nonce


def test_a_nonce_is_43_characters_that_no_command_takes_for_an_option() -> None:
    made = [new_nonce() for _ in range(5_000)]
    assert len(set(made)) == len(made)
    for nonce in made:
        # One in 64 began with a hyphen when every draw was taken.
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{42}", nonce)
