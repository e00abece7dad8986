"""Every ``code`` that the API can answer with, its HTTP status and its title.

A code never changes its meaning; new ones are added. The table of ``docs/reference/api.md`` is
made from this one, and a test holds this one against what the code raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Kind:
    """What is the same for every problem of one code."""

    status: int
    title: str


def _all(status: int, titles: Mapping[str, str]) -> dict[str, Kind]:
    return {code: Kind(status, title) for code, title in titles.items()}


_REQUESTS = {
    **_all(
        400,
        {
            "json_malformed": "The body is not JSON in UTF-8",
            "json_duplicate_key": "The body names a field twice",
            "json_not_object": "The body is not a JSON object",
            "json_not_finite": "The body holds NaN or Infinity, which are not JSON",
            "json_too_deep": "The body is nested too deeply",
            "idempotency_key_missing": "The Idempotency-Key header is missing",
            "idempotency_key_malformed": "The Idempotency-Key header is malformed",
            "invalid_input": "The request cannot be understood",
            "ruleset_refused": "The ruleset has mistakes",
            "refund_policy_refused": "The refund policy has mistakes",
            "bundle_malformed": "This is no evidence bundle",
            "request_malformed": "The request is not one that HTTP allows here",
        },
    ),
    "unauthenticated": Kind(401, "No valid API key was given"),
    **_all(
        403,
        {
            "forbidden": "The API key lacks the scope that this needs",
            "merchant_suspended": "The merchant is suspended",
            "terms_acceptance_required": "The buyer has to accept terms first",
            "terms_nonce_of_another": "The terms were shown to another buyer",
        },
    ),
    "not_found": Kind(404, "There is no such thing"),
    "ruleset_not_kept": Kind(404, "The ruleset of this decision is not stored"),
    "terms_document_unknown": Kind(404, "There is no such document"),
    "terms_version_unknown": Kind(404, "There is no such version"),
    "refund_policy_unknown": Kind(404, "There is no such refund policy"),
    "terms_text_unknown": Kind(404, "There is no such text"),
    "terms_nonce_unknown": Kind(404, "No presentation has this nonce"),
    "terms_acceptance_unknown": Kind(404, "There is no such acceptance"),
    "list_unknown": Kind(404, "No ruleset declares this list"),
    "route_not_found": Kind(404, "There is no such path"),
    "method_not_allowed": Kind(405, "The path does not take this method"),
    "request_timeout": Kind(408, "The request took too long to arrive"),
    "body_too_large": Kind(413, "The body is too large"),
    "path_too_long": Kind(414, "The path and query are too long"),
    "content_type_unsupported": Kind(415, "The body must be application/json"),
    "headers_too_large": Kind(431, "The headers are too large"),
}

_CONFLICTS = _all(
    409,
    {
        "refused": "The present state does not allow this",
        "terms_document_exists": "There is a document with this key",
        "terms_documents_too_many": "There are too many documents",
        "terms_lines_too_many": "The document has texts for too many scopes",
        "terms_version_published": "The version is published, and no draft any more",
        "terms_version_withdrawn": "The version was withdrawn",
        "terms_version_not_published": "The version is a draft",
        "terms_version_not_newer": "A version with a higher or the same number was published",
        "terms_effective_order": "The version would begin before one that was published before it",
        "terms_scope_tie": "Another version, as specific, would hold for the same subjects",
        "refund_policy_scope_tie": "Another policy, as specific, would hold for the same purchases",
        "refund_policy_effective_order": "The version would begin before the one it follows",
        "refund_policy_withdrawn": "The version was withdrawn",
        "refund_policy_leaves_none": "No refund policy would be in force for some purchases",
        "refund_policies_too_many": "There are too many versions of refund policies",
        "terms_text_missing": "The version has no text",
        "terms_nothing_to_accept": "There is nothing that the buyer would have to accept",
        "terms_nothing_to_withdraw": "The buyer has accepted nothing that can be taken back",
        "terms_nonce_used": "Something else was said with this nonce",
        "terms_presentation_expired": "The terms were shown too long ago",
        "terms_presentation_outdated": "The buyer took it back after the terms were shown",
        "terms_version_stale": "The version that was shown is not in force any more",
        "terms_evidence_incomplete": "What the acceptance rests on is not stored any more",
        "idempotency_in_flight": "The first request with this key has not finished",
        "illegal_transition": "The payment's state does not allow this",
        "operation_in_flight": "Another operation on this payment has not finished",
        "cancel_declined": "The gateway refused to cancel",
        "payment_not_refundable": "Nothing is captured that could be given back",
        "refund_denied": "The refund policy gives nothing back now",
        "refund_outside_policy": "It is more than the refund policy gives now",
        "refund_below_minimum": "It is less than the policy's smallest refund",
        "refunds_too_many": "The payment has had too many refunds",
        "disputes_too_many": "The payment has had too many disputes",
        "attempt_required": "Several attempts are unknown, and it is not said which one",
        "refunded_amount_changed": "Another amount than expected was asked for or given back",
        "refund_decided": "The refund waits for nobody",
        "refund_needs_another_person": "Somebody else than who asked has to approve the refund",
        "refund_notice_open": "The gateway tells of a refund of the payment that is not booked",
        "refund_notice_decided": "The notice waits for nobody",
        "refund_notice_too_early": "The payment that the notice is about has no end yet",
        "refund_notice_unclear": "It is not clear which refund the notice is about",
        "refund_notice_no_room": "With the notice more would be out than was captured",
        "payment_disputed": "What is left of the payment is disputed",
        "evidence_missing": "The ruleset was not tried enough to go live",
        "review_decided": "The review is over",
        "review_needs_another_person": "Somebody else has to approve the payment, too",
        "review_notes_too_many": "The review has too many notes",
        "second_person_needed": "Somebody else has to approve this",
        "activation_approved": "This was approved before, by somebody else",
        "activation_expired": "This was asked for too long ago",
        "alert_acknowledged": "Somebody else has acknowledged this alert",
    },
)

#: These are stored with the payment and answered again, byte for byte; see payments/answers.py.
_DECLINES = _all(
    402,
    {
        "payment_declined": "The payment was declined",
        "payment_blocked": "The purchase was not accepted",
        "payment_canceled": "The payment was canceled",
        "payment_expired": "The payment ran out of time",
        "capture_declined": "The gateway refused the capture",
        "refund_declined": "The gateway refused the refund",
    },
)

_FIELDS = _all(
    422,
    {
        "idempotency_key_reused": "The key was used for a different request",
        "card_number_refused": "A field holds what looks like a card number",
        "field_required": "A required field is missing",
        "field_unknown": "The field is not known",
        "object_required": "The field must be an object",
        "text_required": "The field must be text",
        "text_empty": "The field must not be empty",
        "text_too_long": "The text is too long",
        "text_not_storable": "The text holds characters that cannot be stored",
        "choice_unknown": "The value is not one of the choices",
        "boolean_required": "The field must be true or false",
        "integer_required": "The value must be an integer",
        "token_malformed": "The payment method's token is malformed",
        "amount_boolean": "The amount is true or false",
        "amount_float": "The amount has a decimal point or an exponent",
        "amount_not_integer": "The amount is not an integer",
        "amount_not_decimal": "The amount is not a decimal number",
        "amount_wrong_precision": "The amount has more places than the currency",
        "amount_zero": "The amount is zero",
        "amount_negative": "The amount is negative",
        "amount_too_small": "The amount is too small",
        "amount_too_large": "The amount is too large",
        "amount_over_merchant_limit": "The amount is over the merchant's limit",
        "amount_under_merchant_limit": "The amount is under the merchant's limit",
        "amount_limit_missing": "The merchant has no limit for such a purchase",
        "amount_nothing_sold": "The merchant sells nothing of the kind now",
        "name_malformed": "The name is malformed",
        "items_too_many": "There are too many items",
        "list_required": "The field must be a list",
        "item_malformed": "An item is malformed",
        "integer_out_of_range": "The integer is out of range",
        "quote_malformed": "The quote is not one of ours",
        "quote_signature_wrong": "The quote was not signed here, or was changed",
        "quote_of_another_merchant": "The quote is not the merchant's",
        "quote_expired": "The quote has ended",
        "quote_currency_differs": "The currency is not the quoted one",
        "quote_amount_differs": "The amount is not the quoted one",
        "quote_kind_differs": "The kind is not the quoted one",
        "quote_buyer_differs": "The buyer is not the one that the quote is for",
        "quote_items_differ": "The items are not those that were quoted",
        "quote_expiry_out_of_range": "A quote holds for 1 second to 24 hours",
        "quote_total_differs": "The amount is not what the items come to",
        "item_quantity_out_of_range": "The quantity of an item is out of range",
        "item_amount_negative": "The price of an item is negative",
        "items_required": "Tax and discounts are those of items",
        "tax_negative": "The tax is negative",
        "discount_negative": "A discount is negative",
        "discounts_too_many": "There are too many discounts",
        "discounts_over_items": "The discounts are more than the items come to",
        "rate_malformed": "The rate is not a decimal number",
        "rate_wrong_precision": "The rate has too many places",
        "rate_out_of_range": "The rate is not above 0, or is too large",
        "rate_of_reference": "The reference currency has no rate",
        "rate_repeated": "The file has this day twice",
        "day_malformed": "The day is not a date",
        "day_out_of_range": "The day is out of range",
        "columns_mismatch": "The line has not as many columns as the header",
        "csv_malformed": "The line is not CSV in UTF-8",
        "line_too_long": "The line is too long",
        "amount_over_authorized": "The amount is more than what is left to capture",
        "amount_over_refundable": "The amount is more than what can be given back now",
        "amount_not_of_refund": "Only a refund that succeeded can have another amount",
        "amount_over_captured": "The amount is more than is captured and not disputed",
        "amount_required": "The policy does not say how much; the request has to",
        "amount_malformed": "The amount is not whole minor units, 0 or more",
        "refund_facts_components": "The components do not add up to what was captured",
        "refund_facts_negative": "A fact of the refund is negative",
        "refund_facts_units": "The units come to more than the fare",
        "refund_facts_time": "An instant has no time zone, or is too far away",
        "manual_capture_unsupported": "The gateway cannot reserve an amount",
        "partial_capture_unsupported": "The gateway cannot capture a part",
        "multiple_captures_unsupported": "The gateway captures only once",
        "currency_unknown": "The currency is not an ISO 4217 code",
        "currency_not_tender": "The currency is no means of payment",
        "metadata_not_object": "The metadata is not an object",
        "metadata_too_many": "The metadata has too many entries",
        "metadata_key_too_long": "A name in the metadata is empty or too long",
        "data_too_many": "The data has too many entries",
        "limit_out_of_range": "The limit is out of range",
        "cursor_malformed": "The cursor is not one of ours",
        "instant_malformed": "The instant is not RFC 3339 with an offset",
        "instant_in_future": "The instant lies in the future",
        "terms_version_not_shown": "The version was not shown with this nonce",
        "instant_in_past": "The instant lies in the past",
        "parameter_repeated": "The parameter is given twice",
        "id_malformed": "The id is not one of ours",
        "text_not_trimmed": "The text has white space at an end, or something invisible",
        "email_malformed": "This is no e-mail address",
        "bin_malformed": "A BIN has six or eight digits",
        "ip_malformed": "This is no IP address",
        "country_malformed": "A country is two capital letters",
        "velocity_keys_too_many": "There are too many velocity keys",
        "network_malformed": "The network is neither a /24 nor a /64",
        "model_too_large": "The model's file is too large",
        "model_not_json": "The model is not JSON in UTF-8",
        "model_field_repeated": "An object of the model names a field twice",
        "model_format_unknown": "The model is not of a format that can be read",
        "model_name_malformed": "The model's name is malformed",
        "model_features_out_of_range": "The model has no features, or too many",
        "model_feature_malformed": "The feature's name is not that of an attribute",
        "model_feature_repeated": "The model names a feature twice",
        "model_kind_unknown": "The feature's kind is not known",
        "model_number_required": "The model needs a number here",
        "model_number_out_of_range": "The model's number is out of range",
        "training_labels_too_few": "Too few labels were known in time",
        "training_rows_too_many": "There are too many purchases to train on",
        "training_feature_unknown": "No decision has a number or a truth of this name",
        "training_features_out_of_range": "A score needs features, and not too many",
        "known_at_in_future": "It cannot have become known in the future",
        "known_at_before_payment": "It cannot have become known before the payment",
        "reference_ambiguous": "Several payments have this reference",
        "labels_too_many": "The payment has too many labels",
        "period_empty": "The period does not begin before it ends",
        "period_too_long": "The period is too long",
        "moment_malformed": "The moment is neither an instant nor a day nor how long ago",
        "moment_out_of_range": "The moment is out of range",
        "time_zone_unknown": "The time zone is not in the IANA database",
        "too_many_points": "The period has too many pieces of this length",
        "metrics_resolution_gone": "The period would need minutes or hours that are not kept",
        "filter_too_long": "The filter names too many values",
        "latency_has_no_currency": "Durations are not kept by currency",
        "jurisdiction_malformed": "The jurisdiction is not one of ISO 3166",
        "terms_version_malformed": "A version is MAJOR.MINOR.PATCH",
        "terms_locale_repeated": "The version has two texts in one language",
        "terms_authoritative_unknown": "There is no text in the language that is to count",
        "terms_grace_twice": "The grace is given in days and as an instant",
        "terms_grace_without_earlier": "There is no earlier version whose acceptance could do",
        "terms_marketing_required": "A marketing consent cannot be required",
        "locale_malformed": "The language is not a BCP 47 tag",
        "locales_too_many": "There are too many languages",
        "terms_text_characters": "The text holds characters that are not allowed",
        "terms_text_empty": "There is nothing to read in the text",
        "terms_text_hidden": "The text holds something that would not be shown",
        "terms_text_html": "The text holds HTML",
        "terms_text_image": "The text holds an image",
        "terms_text_link": "A link leads to neither http, https nor mailto",
        "terms_text_too_deep": "The text is nested too deeply",
        "terms_text_too_large": "The text is too large",
    },
)

_OURS = {
    "velocity_busy": Kind(429, "Too many purchases under the same keys are being judged"),
    "overloaded": Kind(429, "Too many requests are waiting"),
    "paykeel_error": Kind(500, "Something went wrong"),
    "internal_error": Kind(500, "Something went wrong"),
    **_all(
        503,
        {
            "unavailable": "It cannot be done now",
            "terms_not_sealed": "The acceptance is not sealed yet",
            "database_unavailable": "The database cannot be reached",
            "outcome_unknown": "The result could not be stored; recovery will find it",
            "misconfigured": "This installation is not set up right",
            "gateway_not_configured": "No gateway is configured for the merchant's mode",
            "training_not_installed": "What training needs is not installed",
            "model_changed": "A stored model is not the one that was registered",
            "ruleset_changed": "A stored ruleset does not have its hash",
            "refund_policy_changed": "A stored refund policy is not what was published",
        },
    ),
}

CODES: Mapping[str, Kind] = MappingProxyType(
    {**_REQUESTS, **_DECLINES, **_CONFLICTS, **_FIELDS, **_OURS}
)


def code_table() -> str:
    """Return the table of codes of the reference page, in Markdown."""
    rows = ["| Status | Code | Title |", "|---|---|---|"]
    ordered = sorted(CODES.items(), key=lambda entry: entry[1].status)
    rows += [f"| {kind.status} | `{code}` | {kind.title} |" for code, kind in ordered]
    return "\n".join(rows)
