"""Every example in a docstring is run."""

import doctest
import importlib
import pkgutil
from collections.abc import Iterator

import pytest

import paykeel


def modules() -> Iterator[str]:
    """Give the name of every module of the package, but for the one that runs it."""
    yield paykeel.__name__
    for found in pkgutil.walk_packages(paykeel.__path__, f"{paykeel.__name__}."):
        if not found.name.endswith(".__main__"):
            yield found.name


@pytest.mark.parametrize("name", sorted(modules()))
def test_the_examples_of_a_module_hold(name: str) -> None:
    result = doctest.testmod(
        importlib.import_module(name), optionflags=doctest.FAIL_FAST, raise_on_error=False
    )
    assert result.failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder()
    found = [
        example
        for name in modules()
        for example in finder.find(importlib.import_module(name))
        if example.examples
    ]
    assert len(found) > 15
