"""A process that says the same thing many times at once.

``python -m tests.database.accepting URL MERCHANT NONCE BUYER COUNT`` accepts what was shown with
the nonce COUNT times at once, and prints how many of these stored something.
"""

from __future__ import annotations

import asyncio
import sys
from uuid import UUID

from paykeel.clock import SystemClock
from paykeel.db.pool import Database
from paykeel.terms import TermsService
from paykeel.terms.evidence_facts import ClientFacts


async def accept(url: str, merchant_id: UUID, nonce: str, buyer_id: str, count: int) -> int:
    """Return how many of the calls stored something; all must give the same acceptances."""
    database = await Database.open(url, size=8, wait_ms_max=60_000, statement_ms_max=15_000)
    try:
        acceptances = TermsService(database, SystemClock(), presentation_ms=60_000).acceptances
        facts = ClientFacts(ip="203.0.113.9", user_agent="Mozilla/5.0")
        told = await asyncio.gather(
            *(
                acceptances.decide(merchant_id, nonce, buyer_id, "accept", facts)
                for _ in range(count)
            )
        )
    finally:
        await database.close()
    assert len({tuple(one.acceptance_id for one in said) for said in told}) == 1
    return sum(not all(one.replayed for one in said) for said in told)


if __name__ == "__main__":
    stored = asyncio.run(
        accept(sys.argv[1], UUID(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5]))
    )
    sys.stdout.write(f"{stored}\n")
