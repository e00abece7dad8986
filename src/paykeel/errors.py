"""Every error that Paykeel raises, in one tree.

::

    PaykeelError                      code            who can mend it
    ├── InvalidInput                  invalid_input   the caller: change the request
    │   ├── InvalidField              <per field>     the caller: change that field
    │   │   └── CardNumberRefused     card_number_refused
    │   ├── InvalidIdempotencyKey     idempotency_key_missing | idempotency_key_malformed
    │   ├── RulesetRefused            ruleset_refused
    │   └── RefundPolicyRefused       refund_policy_refused
    ├── Refused                       refused         the caller: another state or right is needed
    │   ├── Unauthenticated           unauthenticated
    │   ├── Forbidden                 forbidden
    │   ├── NotFound                  not_found
    │   ├── TermsAcceptanceRequired   terms_acceptance_required
    │   ├── IdempotencyKeyReused      idempotency_key_reused
    │   ├── IdempotencyInFlight       idempotency_in_flight
    │   ├── IllegalTransition         illegal_transition
    │   └── OperationInFlight         operation_in_flight
    ├── Unavailable                   unavailable     nobody: repeat it later with the same key
    │   ├── DatabaseUnavailable       database_unavailable
    │   ├── OutcomeUnknown            outcome_unknown
    │   ├── VelocityBusy              velocity_busy
    │   └── Overloaded                overloaded
    └── Misconfigured                 misconfigured   the operator of this installation
        ├── GatewayNotConfigured      gateway_not_configured
        └── MigrationError            migration_<what>

A decline is not an error: it is a payment whose status is ``failed``. HTTP statuses are given to
these classes in ``api/problems.py`` and nowhere else.
"""

from __future__ import annotations

from typing import Any


class PaykeelError(Exception):
    """Something went wrong; ``code`` says what, in a word that never changes."""

    code: str = "paykeel_error"
    #: Whether repeating the very same call, with the same key, can succeed.
    retryable: bool = False

    def __init__(self, message: str | None = None, *, code: str | None = None, **data: Any) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        if code is not None:
            self.code = code
        #: Facts for the caller, safe to show: never a card number, a secret or a whole input.
        self.data = data
        super().__init__(self.message)


class InvalidInput(PaykeelError):
    """The request cannot be understood or is not allowed as it stands."""

    code = "invalid_input"


class InvalidField(InvalidInput):
    """One field of the request is wrong."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(message, code=code, field=field)
        self.field = field


class InvalidIdempotencyKey(InvalidInput):
    """The idempotency key is missing or malformed."""

    code = "idempotency_key_malformed"


class RulesetRefused(InvalidInput):
    """The ruleset has mistakes; each is listed with its code and its place."""

    code = "ruleset_refused"


class RefundPolicyRefused(InvalidInput):
    """The refund policy has mistakes; each is listed with its code and its place."""

    code = "refund_policy_refused"


class CardNumberRefused(InvalidField):
    """A field holds what looks like a card number; Paykeel never takes one."""

    def __init__(self, field: str) -> None:
        super().__init__(
            field,
            "card_number_refused",
            "This field holds what looks like a card number. Send the gateway's token instead.",
        )


class Refused(PaykeelError):
    """The request is well formed, but the present state or rights do not allow it."""

    code = "refused"


class Unauthenticated(Refused):
    """No valid API key was given."""

    code = "unauthenticated"


class Forbidden(Refused):
    """The API key lacks the scope that this needs."""

    code = "forbidden"


class NotFound(Refused):
    """There is no such thing, or it belongs to somebody else."""

    code = "not_found"


class TermsAcceptanceRequired(Refused):
    """The buyer has to accept terms first; ``missing`` says which."""

    code = "terms_acceptance_required"


class IdempotencyKeyReused(Refused):
    """This idempotency key was used before for a different request."""

    code = "idempotency_key_reused"


class IdempotencyInFlight(Refused):
    """The first request with this idempotency key has not finished yet."""

    code = "idempotency_in_flight"
    retryable = True


class IllegalTransition(Refused):
    """The payment's state does not allow this."""

    code = "illegal_transition"


class OperationInFlight(Refused):
    """Another operation on this payment has not finished yet."""

    code = "operation_in_flight"
    retryable = True


class Unavailable(PaykeelError):
    """It cannot be done now; repeat it later with the same idempotency key."""

    code = "unavailable"
    retryable = True


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached, or was lost on the way; repeat it with the same key."""

    code = "database_unavailable"


class OutcomeUnknown(Unavailable):
    """The gateway may have acted, but the result could not be stored; recovery will find it."""

    code = "outcome_unknown"


class VelocityBusy(Unavailable):
    """Too many purchases of the same buyer, card or address are being judged at this moment."""

    code = "velocity_busy"


class Overloaded(Unavailable):
    """Too many requests are waiting; repeat it later with the same idempotency key."""

    code = "overloaded"


class Misconfigured(PaykeelError):
    """This installation is not set up right."""

    code = "misconfigured"


class GatewayNotConfigured(Misconfigured):
    """No gateway is configured for this merchant's mode."""

    code = "gateway_not_configured"


class MigrationError(Misconfigured):
    """The database's schema and this version of Paykeel do not fit together."""

    code = "migration_error"
