"""``paykeel terms``: documents and their versions, who accepted what, and the proof of it."""

from __future__ import annotations

from cyclopts import App

app = App(name="terms", help="Documents, what buyers accepted of them, and the proof.")

# Named and not imported: a command's own libraries are loaded when it is called.
for name, place, about in (
    ("documents", "documents:app", "List documents, and add one."),
    ("draft", "publishing:draft", "Save a version that nobody is asked for yet."),
    ("publish", "publishing:publish", "Publish a version, after showing what changes."),
    ("withdraw", "publishing:withdraw", "Take a published version back."),
    ("versions", "documents:versions", "List the versions of a document."),
    ("show", "documents:show", "Show a version, or one of its texts."),
    ("present", "answering:present", "Show a buyer what there is to accept."),
    ("accept", "answering:accept", "Keep that a buyer accepts what was shown."),
    ("decline", "answering:decline", "Keep that a buyer declines what was shown."),
    ("take-back", "answering:take_back", "Keep that a buyer takes an acceptance back."),
    ("status", "subjects:status", "Say what a buyer has accepted, and what is missing."),
    ("history", "subjects:history", "List everything that a buyer said."),
    ("evidence", "evidence:evidence", "Make the proof of one acceptance."),
    ("verify", "evidence:verify", "Check one such proof, or everything that is stored."),
    ("import", "importing:import_", "Import acceptances from another system."),
    ("erase", "subjects:erase", "Erase IP addresses and user agents of acceptances."),
):
    app.command(f"paykeel.cli.terms.{place}", name=name, help=about)
