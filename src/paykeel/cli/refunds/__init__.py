"""``paykeel refunds``: the policies by which money goes back, and refunds."""

from __future__ import annotations

from cyclopts import App

app = App(name="refunds", help="The policies by which money goes back, and refunds.")

# Named and not imported: a command's own libraries are loaded when it is called.
for name, place, about in (
    ("policy", "policy:app", "Plan, publish, show and withdraw refund policies."),
    ("quote", "refunds:quote", "Show what a payment's policy gives back."),
    ("request", "refunds:request", "Give money back, or ask somebody to approve it."),
    ("list", "refunds:list_", "List refunds, newest first."),
    ("show", "refunds:show", "Show one refund, and who decided what about it."),
    ("approve", "deciding:approve", "Approve a refund that waits for it, and send it."),
    ("reject", "deciding:reject", "Reject a refund that waits for approval."),
    ("cancel", "deciding:cancel", "Call off a refund that waits for approval."),
    ("notices", "notices:app", "Refunds that the gateway tells of by itself and are not booked."),
    ("dispute", "disputes:app", "Note disputes: what is disputed cannot be refunded."),
    ("simulate", "simulate:simulate", "Show what a policy would have given back in the past."),
):
    app.command(f"paykeel.cli.refunds.{place}", name=name, help=about)
