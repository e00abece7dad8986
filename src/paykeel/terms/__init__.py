"""Terms: what is shown is what is accepted, and it can be proved years later.

A merchant publishes versions of documents, each for a scope and in several languages. A subject is
shown what it has to accept, and says yes or no to exactly that. A purchase needs the acceptances
that hold at its instant; the statement that opens it checks them, so that nobody can purchase
between a check and a change.
"""

from paykeel.terms.model import Catalogue, Requirement, TermsScope
from paykeel.terms.service import TermsService

__all__ = ["Catalogue", "Requirement", "TermsScope", "TermsService"]
