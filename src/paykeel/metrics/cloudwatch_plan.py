"""Alarms and dashboard in CloudWatch, as code: what should be there, what is, and what to do.

Only what was made here is touched: alarms that carry the tag of the same prefix, and the dashboard
whose first text names it. Whatever else has one of the names is left alone, and nothing is applied
until it is out of the way.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Any

from paykeel.errors import Misconfigured, Refused, Unavailable
from paykeel.metrics.alarms import (
    ABOUT_CHARACTERS_MAX,
    ACTIONS_MAX,
    NAME_CHARACTERS_MAX,
    OWNER_TAG,
    Target,
    alarms,
    definition,
)
from paykeel.metrics.alert_watch import watching_of
from paykeel.metrics.dashboards import dashboard, is_ours, name_of
from paykeel.metrics.sinks.opening import options_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from paykeel.settings import Settings

CONNECT_S_MAX, READ_S_MAX, TRIES_MAX = 5, 30, 4
#: DeleteAlarms takes so many names.
DELETED_MAX = 100


class Action(StrEnum):
    """What is to be done with one thing."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    NOTHING = "nothing"
    #: It has our name and was not made here.
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is not as it should be."""

    field: str
    found: Any
    wanted: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One alarm or dashboard."""

    #: ``alarm`` or ``dashboard``.
    kind: str
    name: str
    action: Action
    #: As it should be; nothing: it should not be there.
    wanted: Mapping[str, Any] | None
    differences: tuple[Difference, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return it as values for JSON."""
        return {
            "kind": self.kind,
            "name": self.name,
            "action": str(self.action),
            "differences": [
                {"field": one.field, "found": one.found, "wanted": one.wanted}
                for one in self.differences
            ],
            "wanted": self.wanted,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What is in CloudWatch under our names."""

    #: Alarms by name.
    alarms: Mapping[str, Mapping[str, Any]]
    #: Which of them carry our tag.
    owned: frozenset[str]
    #: Nothing: there is none.
    dashboard: Mapping[str, Any] | None


def target_of(settings: Settings, mode: str, region: str) -> Target:
    """Return for which series alarms and dashboard are made with these settings.

    Raises:
        Misconfigured: The sinks' settings cannot be meant, or there are too many actions.
    """
    options = options_of(settings)
    actions = tuple(
        filter(None, map(str.strip, settings.metrics_cloudwatch_alarm_actions.split(",")))
    )
    if len(actions) > ACTIONS_MAX or not all(one.startswith("arn:") for one in actions):
        raise Misconfigured(
            "PAYKEEL_METRICS_CLOUDWATCH_ALARM_ACTIONS: name ARNs with commas between, at most "
            f"{ACTIONS_MAX}.",
            code="cloudwatch_actions_unusable",
        )
    if mode not in options.plan.modes:
        raise Misconfigured(
            f"Metrics of {mode} mode are not sent: alarms on them would never ring. "
            "PAYKEEL_METRICS_TEST_MODE=true sends those of test mode.",
            code="cloudwatch_mode_not_sent",
        )
    return Target(
        prefix=settings.metrics_cloudwatch_prefix,
        namespace=options.namespace,
        mode=mode,
        sets=options.plan.sets,
        thresholds=watching_of(settings).common,
        window_s=settings.metrics_alert_window_ms // 60_000 * 60,
        failed_percent=settings.metrics_cloudwatch_failed_percent,
        reason_percent=settings.metrics_cloudwatch_reason_percent,
        actions=actions,
        region=region,
    )


def open_client() -> Any:
    """Return boto3's client; region and credentials are its own affair.

    Raises:
        Misconfigured: ``metric_sink_extra_missing`` or ``metric_sink_unusable``.
    """
    try:
        boto3, config = import_module("boto3"), import_module("botocore.config")
        exceptions = import_module("botocore.exceptions")
    except ImportError as error:
        raise Misconfigured(
            "CloudWatch needs boto3: `pip install 'paykeel[cloudwatch]'`.",
            code="metric_sink_extra_missing",
        ) from error
    try:
        return boto3.client(
            "cloudwatch",
            config=config.Config(
                connect_timeout=CONNECT_S_MAX,
                read_timeout=READ_S_MAX,
                # All of it may be done twice.
                retries={"total_max_attempts": TRIES_MAX, "mode": "standard"},
            ),
        )
    except (exceptions.BotoCoreError, ValueError) as error:
        raise Misconfigured(
            f"CloudWatch cannot be reached with these settings: {error}",
            code="metric_sink_unusable",
        ) from error


def read_present(client: Any, target: Target) -> Present:
    """Read what is there under our names.

    Raises:
        Unavailable: ``cloudwatch_unavailable``: it cannot be reached, or refuses.
    """
    beginning = f"{target.prefix}-{target.mode}-"
    with _told():
        found: dict[str, Mapping[str, Any]] = {}
        pages = client.get_paginator("describe_alarms")
        for page in pages.paginate(AlarmNamePrefix=beginning, AlarmTypes=["MetricAlarm"]):
            found |= {alarm["AlarmName"]: alarm for alarm in page["MetricAlarms"]}
        owned = frozenset(
            name
            for name, alarm in found.items()
            if {"Key": OWNER_TAG, "Value": target.prefix}
            in client.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
        )
        try:
            body = client.get_dashboard(DashboardName=name_of(target))["DashboardBody"]
        except client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in _NO_DASHBOARD:
                raise
            body = None
    return Present(alarms=found, owned=owned, dashboard=None if body is None else json.loads(body))


def compare(target: Target, present: Present) -> list[Item]:
    """Say what is to be done, so that what should be there is; pure."""
    items = []
    wanted = {one["AlarmName"]: one for one in (definition(target, a) for a in alarms(target))}
    for name, one in wanted.items():
        _check(one)
        found = present.alarms.get(name)
        differences: tuple[Difference, ...] = ()
        if found is None:
            action = Action.CREATE
        elif name not in present.owned:
            action = Action.FOREIGN
        else:
            differences = _differences(found, one)
            action = Action.UPDATE if differences else Action.NOTHING
        items.append(
            Item(kind="alarm", name=name, action=action, wanted=one, differences=differences)
        )
    items += [
        Item(kind="alarm", name=name, action=Action.DELETE, wanted=None)
        for name in sorted(present.owned - wanted.keys())
    ]
    return [*items, _dashboard(target, present.dashboard)]


def apply(client: Any, target: Target, items: Sequence[Item]) -> None:
    """Do what is to be done; a second time there is nothing left to do.

    Raises:
        Refused: ``cloudwatch_not_ours``: something else has one of our names; nothing was done.
        Unavailable: ``cloudwatch_unavailable``: what was done so far stays; apply again.
    """
    foreign = [one.name for one in items if one.action is Action.FOREIGN]
    if foreign:
        raise Refused(
            f"Not made here, and so not touched: {', '.join(foreign)}. Remove or rename it, or "
            "set PAYKEEL_METRICS_CLOUDWATCH_PREFIX to another prefix. Nothing was changed.",
            code="cloudwatch_not_ours",
            names=foreign,
        )
    deleted = [one.name for one in items if one.action is Action.DELETE]
    with _told():
        for one in items:
            if one.action not in {Action.CREATE, Action.UPDATE} or one.wanted is None:
                continue
            if one.kind == "dashboard":
                client.put_dashboard(DashboardName=one.name, DashboardBody=json.dumps(one.wanted))
                continue
            # Tags are taken only with a new alarm; one that is changed keeps those it has.
            tags = [{"Key": OWNER_TAG, "Value": target.prefix}]
            more = {"Tags": tags} if one.action is Action.CREATE else {}
            client.put_metric_alarm(**one.wanted, **more)
        for start in range(0, len(deleted), DELETED_MAX):
            client.delete_alarms(AlarmNames=deleted[start : start + DELETED_MAX])


_NO_DASHBOARD = frozenset(
    {"ResourceNotFound", "DashboardNotFoundError", "ResourceNotFoundException"}
)


@contextmanager
def _told() -> Iterator[None]:
    """Tell what boto3 raises as one of our own errors."""
    exceptions = import_module("botocore.exceptions")
    try:
        yield
    except (exceptions.BotoCoreError, exceptions.ClientError) as error:
        raise Unavailable(f"CloudWatch: {error}", code="cloudwatch_unavailable") from error


def _dashboard(target: Target, present: Mapping[str, Any] | None) -> Item:
    wanted = dashboard(target)
    name = name_of(target)
    differences: tuple[Difference, ...] = ()
    if present is None:
        action = Action.CREATE
    elif not is_ours(target, present):
        action = Action.FOREIGN
    else:
        differences = tuple(_widgets(present.get("widgets", []), wanted["widgets"]))
        action = Action.UPDATE if differences else Action.NOTHING
    return Item(kind="dashboard", name=name, action=action, wanted=wanted, differences=differences)


def _widgets(found: Sequence[Any], wanted: Sequence[Any]) -> Iterator[Difference]:
    """Compare widget by widget, so that a difference says where it is."""
    for place in range(max(len(found), len(wanted))):
        here = found[place] if place < len(found) else None
        should = wanted[place] if place < len(wanted) else None
        if here != should:
            title = (should or here or {}).get("properties", {}).get("title", "")
            yield Difference(f"widgets[{place}] {title}".rstrip(), here, should)


def _differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Compare the fields that are ours to set; CloudWatch adds others."""
    # Both forms of an alarm, so that one that takes the place of the other differs.
    names = [*wanted, *(name for name in _FORMS if found.get(name) and name not in wanted)]
    return tuple(
        Difference(name, found.get(name), wanted.get(name))
        for name in names
        if _plain(found.get(name)) != _plain(wanted.get(name))
    )


_FORMS = ("MetricName", "Metrics")


def _plain(value: Any) -> Any:
    """Return a value so that what means the same is equal: lists of names in order, none as empty.

    >>> _plain([{"Name": "b"}, {"Name": "a"}]) == _plain([{"Name": "a"}, {"Name": "b"}])
    True
    """
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        plain = [_plain(one) for one in value]
        return sorted(plain, key=lambda one: json.dumps(one, sort_keys=True, default=str))
    return value or None


def _check(one: Mapping[str, Any]) -> None:
    """Refuse what CloudWatch would.

    Raises:
        Misconfigured: ``cloudwatch_name_too_long``: the prefix is too long.
    """
    if (
        len(one["AlarmName"]) > NAME_CHARACTERS_MAX
        or len(one["AlarmDescription"]) > ABOUT_CHARACTERS_MAX
    ):
        raise Misconfigured(
            f"The name {one['AlarmName'][:60]}… is longer than CloudWatch takes: set "
            "PAYKEEL_METRICS_CLOUDWATCH_PREFIX to a shorter one.",
            code="cloudwatch_name_too_long",
        )
