"""``paykeel refunds policy`` as a person runs it, and the page that tells of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.acceptance.cli import Cli, environment
from tests.acceptance.test_terms_pages import bodies, folder, names, run
from tests.database.refund_policies import policy

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Urls

__all__ = ["folder"]

POLICY = ("refunds", "policy")


@pytest.fixture
def cli(urls: Urls) -> Cli:
    made = Cli(environment(urls))
    assert made("merchants", "create", "Harbour Market").code == 0
    return made


def test_a_policy_is_planned_applied_shown_and_withdrawn(cli: Cli, tmp_path: Path) -> None:
    file, changed = tmp_path / "flexible.yaml", tmp_path / "changed.json"
    file.write_text(yaml.safe_dump(policy()), encoding="utf-8")
    changed.write_text(json.dumps(policy(hours=48)), encoding="utf-8")
    apply = (*POLICY, "apply", str(file), "--author", "Ada")

    unasked = cli(*apply)
    assert (unasked.code, "--yes" in unasked.err) == (2, True)
    planned = cli(*POLICY, "plan", str(file), "--locale", "de", "--json").json
    assert (planned["change"], planned["key"]) == ("new", "flexible")
    first = cli(*apply, "--yes", "--json").json
    assert (first["version"], first["is_new"], first["author"]) == (1, True, "Ada")
    assert first["plan"]["sha256"] == first["sha256"] == planned["sha256"]
    again = cli(*apply)
    assert again.code == 2  # Nobody can be asked, whatever would be asked.
    same = cli(*apply, "--yes")
    assert "This is flexible 1 already" in same.out
    second = cli(*POLICY, "apply", str(changed), "--effective-from", "30d", "--yes")
    assert "Published: flexible 2" in second.out
    assert "+      from: 2d" in second.out

    listed = cli(*POLICY, "list", "--json").json["policies"]
    assert [one["version"] for one in listed] == [2, 1]
    assert "every purchase" in cli(*POLICY, "list", "flexible").out
    shown = cli(*POLICY, "show", "flexible", "--version", "1")
    copy = tmp_path / "copy.yaml"
    copy.write_text(shown.out, encoding="utf-8")
    assert cli(*POLICY, "plan", str(copy), "--json").json["sha256"] == first["sha256"]
    german = cli(*POLICY, "show", "flexible", "--version", "1", "--locale", "de")
    assert german.out.splitlines() == planned["sentences_after"]
    assert cli(*POLICY, "show", "flexible", "--sentences").out.startswith("If you cancel")
    whole = cli(*POLICY, "show", "flexible", "--json").json
    assert (whole["version"], len(whole["sentences"])) == (2, 3)
    exported = cli(*POLICY, "schema-org", "flexible")
    assert "no words for all that this policy says of tiers, unknown; " in " ".join(
        exported.err.split()
    )
    assert json.loads(exported.out) == cli(*POLICY, "schema-org", "flexible", "--json").json

    taken = cli(*POLICY, "withdraw", "flexible", "2", "--because", "A slip.", "--json").json
    assert (taken["status"], taken["withdrawn_because"]) == ("withdrawn", "A slip.")
    twice = cli(*POLICY, "withdraw", "flexible", "2", "--because", "A slip.")
    assert (twice.code, "refund_policy_withdrawn" in twice.err) == (5, True)


def test_the_last_policy_is_withdrawn_on_purpose_alone(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "flexible.yaml"
    file.write_text(yaml.safe_dump(policy()), encoding="utf-8")
    planned = (*POLICY, "apply", str(file), "--effective-from")
    assert cli(*planned, "30d", "--yes").code == 0
    held = cli(*POLICY, "apply", str(file), "--yes")
    assert "To have it begin earlier, withdraw flexible 1 first." in held.out
    sooner = cli(*planned, "10d", "--yes")
    assert (sooner.code, "withdraw flexible 1 first" in sooner.err) == (5, True)
    withdraw = (*POLICY, "withdraw", "flexible")
    early = cli(*withdraw, "1", "--because", "Sooner.")
    # Nothing held before either; that is worth a word all the same.
    assert (early.code, "WARNING: no refund policy is in force" in early.err) == (0, True)
    assert cli(*POLICY, "apply", str(file), "--yes").code == 0

    alone = cli(*withdraw, "2", "--because", "A slip.")
    assert (alone.code, "refund_policy_leaves_none" in alone.err) == (5, True)
    assert "(--leave-none)" in " ".join(alone.err.split())
    taken = cli(*withdraw, "2", "--because", "A slip.", "--leave-none")
    assert (taken.code, "Withdrawn: flexible 2" in taken.out) == (0, True)
    assert "WARNING: no refund policy is in force for every purchase" in taken.err


def test_a_version_for_fewer_purchases_is_published_on_purpose_alone(
    cli: Cli, tmp_path: Path
) -> None:
    file = tmp_path / "flexible.yaml"
    file.write_text(yaml.safe_dump(policy()), encoding="utf-8")
    assert cli(*POLICY, "apply", str(file), "--yes").code == 0
    file.write_text(yaml.safe_dump(policy(scope={"channel": "web"})), encoding="utf-8")
    planned = cli(*POLICY, "plan", str(file))
    assert (planned.code, "refused without --leave-none" in planned.out) == (1, True)
    refused = cli(*POLICY, "apply", str(file), "--yes")
    assert (refused.code, "refused without --leave-none" in refused.out) == (5, True)
    done = cli(*POLICY, "apply", str(file), "--yes", "--leave-none")
    assert (done.code, "Published: flexible 2" in done.out) == (0, True)


def test_a_new_key_publishes_no_policy(cli: Cli) -> None:
    scopes = set(cli("keys", "create", "shop", "--json").json["scopes"])
    assert {"refunds:read", "refund-policies:read"} <= scopes
    assert not {"refunds:write", "refunds:approve", "refund-policies:write"} & scopes


def test_what_is_wrong_is_shown_and_nothing_is_stored(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("key: [\n", encoding="utf-8")
    for verb, code in (("plan", 1), ("apply", 2)):
        more = ("--yes",) if verb == "apply" else ()
        done = cli(*POLICY, verb, str(file), *more)
        assert (done.code, "yaml_syntax" in done.out) == (code, True)
        as_json = cli(*POLICY, verb, str(file), *more, "--json")
        assert (as_json.code, as_json.json["change"]) == (code, "refused")
    file.write_text(yaml.safe_dump(policy()), encoding="utf-8")
    assert cli(*POLICY, "apply", str(file), "--yes").code == 0
    file.write_text(yaml.safe_dump(policy("firm")), encoding="utf-8")
    for verb, code in (("plan", 1), ("apply", 5)):
        done = cli(*POLICY, verb, str(file), *(("--yes",) if verb == "apply" else ()))
        assert (done.code, "flexible" in done.out) == (code, True)
    assert cli(*POLICY, "show", "firm").code == 4
    assert cli(*POLICY, "plan", str(tmp_path / "none.yaml")).code == 2


def test_the_page_does_what_it_says(folder: Path, urls: Urls) -> None:
    printed, others = run("refund-policies.md", folder, urls)
    wrong, planned, published, bought, voucher, back, exported = printed
    (told,) = [json.loads(block.text) for block in others if block.language == "json"]

    assert "tier_overlap" in wrong
    assert "exit code 1" in wrong
    assert "flexible 1, compared with nothing before: new" in planned
    assert "- If you cancel" in planned
    assert "Published: flexible 1" in published
    assert "This is flexible 1 already" in published
    assert "Bei Stornierung" in published
    held = [one["refund_policy"] for one in bodies(bought)]
    assert [one["version"] for one in held] == [1, 2, 1]
    assert names(told["refund_policy"]) == names(held[0])
    assert bodies(voucher)[0]["refund_policy"]["key"] == "firm"
    assert "exit code 5" in voucher
    assert "As specific" in voucher
    assert "Withdrawn: flexible 2" in back
    assert bodies(back)[0]["refund_policy"] == held[0]
    assert json.loads(exported)["@type"] == "MerchantReturnPolicy"
