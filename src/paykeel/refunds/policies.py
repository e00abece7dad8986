"""RefundPolicyService: policies are planned, published for good, withdrawn, and found again.

Whoever changes something holds the merchant's row, taken in a statement of its own, so that of two
who do it at once the second sees what the first did. No purchase waits for it. Publishing counts
the merchant's ``terms_revision`` up, which the statement that opens a purchase compares: so each
purchase is made under the policy that holds at that instant, whatever a process had read before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from paykeel.db.cache import ReadCache
from paykeel.db.pool import fetch_on
from paykeel.errors import NotFound, RefundPolicyRefused, Refused
from paykeel.refunds.catalogue import (
    PolicyStatus,
    PolicyVersion,
    catalogue_of,
    check_return,
    check_start,
    leaves_none,
    refuse_ties,
    ties,
)
from paykeel.refunds.plans import PolicyChange, PolicyPlan, difference
from paykeel.refunds.policy import canonical, policy_sha256, scope_text
from paykeel.refunds.stored import (
    SQL,
    StoredPolicy,
    changed,
    find_row,
    is_plain,
    lock_merchant,
    read_document,
    unknown,
    version_from_row,
    versions_so_far,
    whole,
)
from paykeel.refunds.wording import sentences
from paykeel.texts import check_person, check_text

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from paykeel.clock import Clock
    from paykeel.db.pool import Connection, Database
    from paykeel.payments.model import Payment
    from paykeel.refunds.catalogue import PolicyCatalogue
    from paykeel.refunds.policy import PolicyScope, RefundPolicy
    from paykeel.refunds.stored import Document

ROWS_MAX = 100
#: Of one merchant, of all keys together, withdrawn ones too.
VERSIONS_MAX = 2_000
REASON_CHARACTERS_MAX = 500


@dataclass(frozen=True, slots=True)
class Published:
    """What publishing a document has done."""

    version: PolicyVersion
    #: False: the last version says exactly this, and was left as it is.
    is_new: bool


class RefundPolicyService:
    """Keeps refund policies, and says which one a purchase is made under."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Take the database and a clock."""
        self._database = database
        self._known = ReadCache(self.catalogue, clock.monotonic_s)

    async def plan(
        self,
        document: Document,
        *,
        merchant_id: UUID,
        locale: str = "en",
        effective_from: datetime | None = None,
    ) -> PolicyPlan:
        """Say what publishing a document would do; its mistakes are part of the plan.

        Raises:
            NotFound: There is no such merchant.
        """
        try:
            policy = await read_document(document)
        except RefundPolicyRefused as error:
            mistakes = tuple(error.data["mistakes"])
            return PolicyPlan(change=PolicyChange.REFUSED, mistakes=mistakes)
        sha256 = policy_sha256(policy.document())
        async with self._database.connection() as connection:
            catalogue, now = await self._catalogue_on(connection, merchant_id)
            so_far = await versions_so_far(connection, merchant_id, policy.key)
        line = catalogue.line(policy.key)
        before = await self._stored(line[-1]) if line else None
        last = line[-1] if line else None
        is_same = last is not None and last.sha256 == sha256
        to = last.policy_version if last is not None and is_same else so_far["last"] + 1
        change = PolicyChange.CHANGED if line else PolicyChange.NEW
        rivals = ties(catalogue, policy.key, policy.scope, effective_from or now)
        return PolicyPlan(
            change=PolicyChange.UNCHANGED if is_same else change,
            key=policy.key,
            version_from=None if last is None else last.policy_version,
            version_to=to,
            sha256=sha256,
            difference=difference(
                None if before is None else (before.version.name, before.policy),
                (f"{policy.key} {to}", policy),
            ),
            sentences_before=() if before is None else sentences(before.policy, locale),
            sentences_after=sentences(policy, locale),
            ties=() if is_same else tuple(rivals),
            leaves_none=not is_same and _leaves_none(catalogue, policy, now, effective_from),
        )

    async def publish(
        self,
        document: Document,
        *,
        merchant_id: UUID,
        author: str,
        effective_from: datetime | None = None,
        leave_none: bool = False,
    ) -> Published:
        """Publish a document as the next version of its key, for good, from now on or later.

        A document that says exactly what the last version says is published already.

        Args:
            document: Its values, or YAML.
            merchant_id: Whose.
            author: Who does this.
            effective_from: When it begins; now, if left out.
            leave_none: Publish it although it is for fewer purchases than the version before it,
                and some are left without any policy: all that is captured of those may be refunded.

        Raises:
            RefundPolicyRefused: ``data["mistakes"]`` lists everything that is wrong.
            InvalidField: ``instant_in_past``, or the author is malformed.
            NotFound: There is no such merchant.
            Refused: ``refund_policy_scope_tie``, ``refund_policy_effective_order``,
                ``refund_policy_leaves_none`` or ``refund_policies_too_many``.
        """
        author = check_person(author, "author")
        policy = await read_document(document)
        stored = policy.document()
        sha256 = policy_sha256(stored)
        async with self._database.connection() as connection, connection.transaction():
            await lock_merchant(connection, merchant_id)
            catalogue, now = await self._catalogue_on(connection, merchant_id)
            line = catalogue.line(policy.key)
            begins = now if effective_from is None else effective_from
            if line and line[-1].sha256 == sha256:
                held = line[-1]
                if effective_from is None or held.effective_from <= effective_from:
                    return Published(held, is_new=False)
            check_start(line, begins, now)
            refuse_ties(policy.key, policy.scope, ties(catalogue, policy.key, policy.scope, begins))
            if not leave_none and _leaves_none(catalogue, policy, now, begins):
                raise _left(f"With {policy.key} for {scope_text(policy.scope)}", line[-1])
            so_far = await versions_so_far(connection, merchant_id, policy.key)
            if so_far["versions"] >= VERSIONS_MAX:
                raise Refused(
                    f"There are {VERSIONS_MAX:,} versions of refund policies, and no more.",
                    code="refund_policies_too_many",
                )
            values = {
                "merchant_id": merchant_id,
                "policy_key": policy.key,
                "policy_version": so_far["last"] + 1,
                "document": canonical(stored).decode(),
                "sha256": sha256,
                **policy.scope.document(),
                "effective_from": begins,
                "author": author,
            }
            rows = await fetch_on(connection, SQL["publish_policy"], values)
        self._known.forget(merchant_id)
        return Published(version_from_row(rows[0]), is_new=True)

    async def withdraw(
        self,
        key: str,
        version: int,
        *,
        merchant_id: UUID,
        author: str,
        because: str,
        leave_none: bool = False,
    ) -> PolicyVersion:
        """Take a version out of force, for good; the one before it holds again, if there is any.

        It can still be read, and what was purchased under it is refunded by it.

        Args:
            key: The policy.
            version: Which one.
            merchant_id: Whose.
            author: Who does this.
            because: Why; it is kept.
            leave_none: Withdraw it although purchases are left without any policy: all that is
                captured of those may be refunded.

        Raises:
            InvalidField: The reason or the author is malformed.
            NotFound: ``refund_policy_unknown``.
            Refused: ``refund_policy_withdrawn``; ``refund_policy_leaves_none``: no policy would be
                in force then; or ``refund_policy_scope_tie``: the version that would hold again is
                as specific as another policy.
        """
        author = check_person(author, "author")
        because = check_text(because, "because", REASON_CHARACTERS_MAX)
        async with self._database.connection() as connection, connection.transaction():
            await lock_merchant(connection, merchant_id)
            found = version_from_row(await find_row(connection, merchant_id, key, version))
            if found.status is PolicyStatus.WITHDRAWN:
                raise Refused(f"{found.name} was withdrawn.", code="refund_policy_withdrawn")
            catalogue, now = await self._catalogue_on(connection, merchant_id)
            check_return(catalogue, found, now)
            if not leave_none and leaves_none(catalogue, found, now):
                raise _left(f"Without {found.name}", found)
            named = {"merchant_id": merchant_id, "policy_key": key, "policy_version": version}
            rows = await fetch_on(
                connection,
                SQL["withdraw_policy"],
                {**named, "author": author, "because": because},
            )
        self._known.forget(merchant_id)
        return version_from_row(rows[0])

    async def get(self, key: str, version: int | None = None, *, merchant_id: UUID) -> StoredPolicy:
        """Return one version whole, the newest one when no number is given.

        Raises:
            NotFound: ``refund_policy_unknown``.
            Misconfigured: ``refund_policy_changed``: what is stored does not have its hash.
        """
        async with self._database.connection() as connection:
            return await whole(await find_row(connection, merchant_id, key, version))

    async def by_hash(self, sha256: bytes, *, merchant_id: UUID) -> StoredPolicy:
        """Return the first version with this hash, whole.

        Raises:
            NotFound: ``refund_policy_unknown``.
            Misconfigured: ``refund_policy_changed``.
        """
        row = await self._database.fetchrow(
            SQL["policy_by_hash"], sha256=sha256, merchant_id=merchant_id
        )
        if row is None:
            raise unknown()
        return await whole(row)

    async def snapshot(self, payment: Payment) -> RefundPolicy | None:
        """Return the policy that a payment was made under; ``None``: no policy held.

        Raises:
            Misconfigured: ``refund_policy_changed``: what is stored is not what held then. No other
                policy ever takes its place.
        """
        sha256, key = payment.refund_policy_sha256, payment.refund_policy_key
        if sha256 is None or key is None:
            return None
        try:
            stored = await self.get(
                key, payment.refund_policy_version, merchant_id=payment.merchant_id
            )
        except NotFound as error:
            raise changed(f"{key} {payment.refund_policy_version}") from error
        if stored.version.sha256 != sha256:
            raise changed(stored.version.name)
        return stored.policy

    async def in_force(
        self, scope: PolicyScope, at: datetime | None = None, *, merchant_id: UUID
    ) -> PolicyVersion | None:
        """Return what holds for purchases of a scope at an instant, or now; ``None``: nothing does.

        Of what was published and is not withdrawn.

        Raises:
            NotFound: There is no such merchant.
        """
        async with self._database.connection() as connection:
            catalogue, now = await self._catalogue_on(connection, merchant_id)
        return catalogue.in_force(scope, now if at is None else at)

    async def known(self, merchant_id: UUID) -> PolicyCatalogue:
        """Return what a merchant has published, as this process knows it; it may be old.

        Raises:
            NotFound: There is no such merchant.
        """
        return await self._known.get(merchant_id)

    async def catalogue(self, merchant_id: UUID) -> PolicyCatalogue:
        """Read what a merchant has published and not withdrawn.

        Raises:
            NotFound: There is no such merchant.
        """
        async with self._database.connection() as connection:
            catalogue, _ = await self._catalogue_on(connection, merchant_id)
        return catalogue

    def forget(self, merchant_id: UUID, revision: int) -> None:
        """Read a merchant's policies again, unless another revision is known by now."""
        known = self._known.trusted(merchant_id)
        if known is not None and known.revision == revision:
            self._known.forget(merchant_id)

    async def _catalogue_on(
        self, connection: Connection, merchant_id: UUID
    ) -> tuple[PolicyCatalogue, datetime]:
        """Read the catalogue, and what time it is by the database's clock."""
        rows = await fetch_on(connection, SQL["read_policies"], {"merchant_id": merchant_id})
        if not rows:
            raise NotFound("There is no such merchant.")
        now: datetime = rows[0]["database_now"]
        self._database.observe(now)
        versions = [version_from_row(row) for row in rows if row["policy_key"] is not None]
        return catalogue_of(versions, rows[0]["terms_revision"]), now

    async def _stored(self, version: PolicyVersion) -> StoredPolicy:
        return await self.get(
            version.policy_key, version.policy_version, merchant_id=version.merchant_id
        )

    async def list(
        self,
        *,
        merchant_id: UUID,
        key: str | None = None,
        after: tuple[str, int] | None = None,
        rows_max: int = ROWS_MAX,
    ) -> list[PolicyVersion]:
        """Return a page of versions by key, newest first, without what they say."""
        if key is not None and not is_plain(key):
            return []
        after_key, after_version = after or (None, None)
        rows = await self._database.fetch(
            SQL["list_policies"],
            merchant_id=merchant_id,
            policy_key=key,
            after_key=after_key,
            after_version=after_version,
            rows_max=rows_max,
        )
        return [version_from_row(row) for row in rows]


def _leaves_none(
    catalogue: PolicyCatalogue, policy: RefundPolicy, now: datetime, begins: datetime | None
) -> bool:
    """Say whether a document leaves purchases of the version before it without any policy."""
    line = catalogue.line(policy.key)
    if not line:
        return False
    instead = replace(line[-1], scope=policy.scope, effective_from=begins or now)
    return leaves_none(catalogue, line[-1], now, instead)


def _left(how: str, version: PolicyVersion) -> Refused:
    return Refused(
        f"{how} no policy would be in force for some of the purchases that {version.name} is for"
        f" ({scope_text(version.scope)}): everything that they pay could be refunded. Publish"
        " another policy first, or say that this is meant (leave_none).",
        code="refund_policy_leaves_none",
    )


__all__ = [
    "PolicyPlan",
    "PolicyStatus",
    "PolicyVersion",
    "Published",
    "RefundPolicyService",
    "StoredPolicy",
]
