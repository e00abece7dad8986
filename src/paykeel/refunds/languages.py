"""The words of which sentences about refunds are made, in each language. Pure.

They are the languages of `paykeel.terms.wording`, for a policy is accepted like other terms.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from paykeel.refunds.phrases_north import NORTH
from paykeel.refunds.phrases_south import SOUTH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paykeel.refunds.phrases import Language

LANGUAGES: Mapping[str, Language] = MappingProxyType({**NORTH, **SOUTH})
