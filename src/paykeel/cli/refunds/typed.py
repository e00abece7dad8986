"""Errors of refunds in the words of whoever typed the command: options, and not fields of the API.

The rules below the command line name what is wrong as the API does. Here it has other names.
"""

from __future__ import annotations

import re
from functools import wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from paykeel.errors import InvalidField, PaykeelError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

P = ParamSpec("P")
R = TypeVar("R")

#: What the API calls it, and how it is typed. Longer names first, where one begins another.
OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "facts.components": "--component",
        "facts.delivered_at": "--delivered-at",
        "facts.jurisdiction": "--jurisdiction",
        "facts.service_at": "--service-at",
        "facts.units": "--units",
        "expected_refunded_amount": "--expected",
        "override_reason": "--override",
        "requested_by": "--by",
        "effective_from": "--effective-from",
        "effective-from": "--effective-from",
        "dispute_id": "DISPUTE",
        "ending": "ENDING",
        "as_of": "--as-of",
        "leave_none": "--leave-none",
        "amount": "--amount",
        "author": "--author",
        "because": "--because",
        "cursor": "--cursor",
        "operator": "--operator",
        "origin": "--origin",
        "reason": "--reason",
        "status": "--status",
    }
)
#: In sentences only what is no English word is a name of the API.
_NAMES = re.compile("|".join(re.escape(name) for name in OPTIONS if "_" in name or "." in name))


def typed(command: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Have a command's errors name its options as they are typed."""

    @wraps(command)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await command(*args, **kwargs)
        except PaykeelError as error:
            error.message = _NAMES.sub(lambda found: OPTIONS[found[0]], error.message)
            if isinstance(error, InvalidField):
                error.field = error.data["field"] = OPTIONS.get(error.field, error.field)
            raise

    return run
