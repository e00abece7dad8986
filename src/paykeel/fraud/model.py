"""The logistic score: weights in JSON, read strictly and evaluated in plain Python.

A model is a text that a person can read and compare. Nothing is ever unpickled, so loading one
can run no code. A score is a number in 0..1 that rules may use as ``ml.score``; it decides
nothing alone, and each one comes apart into what every feature added to it.

The numbers here are log-odds, never amounts: an amount is an integer until it is standardised.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from paykeel.errors import InvalidField

FORMAT = "paykeel-logit-1"
DOCUMENT_BYTES_MAX = 262_144
FEATURES_MAX = 256
NAME_CHARACTERS_MAX = 100
#: Weights and the intercept. Together with the next two, no sum can leave the range of a double.
WEIGHT_MAX = 1e6
#: Values, means and defaults; above what 64 bits hold.
VALUE_MAX = 1e19
SCALE_MIN = 1e-9

_MODEL_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}", re.ASCII)
_FEATURE_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*", re.ASCII)

Attributes: TypeAlias = Mapping[str, object]


class Kind(StrEnum):
    """What an attribute is; a value of another type is treated as missing."""

    INT = "int"
    DOUBLE = "double"
    BOOL = "bool"


#: Whether a value of each kind is a bool, an int and a float, as Python sees it.
_TYPES = {
    Kind.BOOL: (True, True, False),
    Kind.INT: (False, True, False),
    Kind.DOUBLE: (False, False, True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One attribute, and how it enters the sum: ``weight * (value - mean) / scale``."""

    name: str
    kind: Kind
    mean: float
    scale: float
    weight: float
    #: Stands in for a missing value. None: without the value there is no score.
    default: float | None = None

    def standardised(self, value: float) -> float:
        """Return the value in standard deviations from the mean of the training."""
        return (value - self.mean) / self.scale


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no score, because this attribute has no value of the right type."""

    attribute: str


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one feature added to the log-odds, from which value."""

    attribute: str
    value: float
    log_odds: float


@dataclass(frozen=True, slots=True)
class LogisticModel:
    """A logistic regression whose features are attributes of a purchase.

    >>> model = LogisticModel("example", intercept=-3.0, features=(
    ...     Feature(name="payment.amount_ref", kind=Kind.INT, mean=5000.0, scale=4000.0,
    ...             weight=2.0),
    ...     Feature(name="ip.known", kind=Kind.BOOL, mean=0.0, scale=1.0, weight=-1.0)))
    >>> bought = {"payment.amount_ref": 13_000, "ip.known": True}
    >>> model.score(bought)
    0.5
    >>> [(one.attribute, one.log_odds) for one in model.contributions(bought)]
    [('payment.amount_ref', 4.0), ('ip.known', -1.0)]
    >>> model.score({"payment.amount_ref": 13_000})
    Missing(attribute='ip.known')
    """

    name: str
    features: tuple[Feature, ...]
    intercept: float

    def score(self, attributes: Attributes) -> float | Missing:
        """Return the probability of fraud, as far as the model knows; or what is missing."""
        log_odds = self.intercept
        for feature in self.features:
            value = value_of(feature.name, feature.kind, feature.default, attributes)
            if value is None:
                return Missing(feature.name)
            log_odds += feature.weight * feature.standardised(value)
        return logistic(log_odds)

    def contributions(self, attributes: Attributes) -> tuple[Contribution, ...]:
        """Return what each feature added, the weightiest first; empty when there is no score.

        Their sum and the intercept are the log-odds of the score.
        """
        found = []
        for feature in self.features:
            value = value_of(feature.name, feature.kind, feature.default, attributes)
            if value is None:
                return ()
            added = feature.weight * feature.standardised(value)
            found.append(Contribution(feature.name, value, added))
        return tuple(sorted(found, key=lambda one: (-abs(one.log_odds), one.attribute)))

    def document(self) -> dict[str, Any]:
        """Return the model as values for JSON; `read_model` takes them back unchanged."""
        return {
            "format": FORMAT,
            "name": self.name,
            "intercept": self.intercept,
            "features": [
                {
                    "name": one.name,
                    "kind": one.kind.value,
                    "default": one.default,
                    "mean": one.mean,
                    "scale": one.scale,
                    "weight": one.weight,
                }
                for one in self.features
            ],
        }

    def canonical(self) -> bytes:
        """Return the one way in which this model is written: sorted names, no spaces, ASCII."""
        text = json.dumps(self.document(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return text.encode("ascii")

    @property
    def sha256(self) -> str:
        """Return the hash of the canonical text: the same for the same model, however laid out."""
        return hashlib.sha256(self.canonical()).hexdigest()


def logistic(log_odds: float) -> float:
    """Return 1 / (1 + e^-x), for any finite x without overflow."""
    if log_odds >= 0:
        return 1.0 / (1.0 + math.exp(-log_odds))
    power = math.exp(log_odds)
    return power / (1.0 + power)


def value_of(name: str, kind: Kind, default: float | None, attributes: Attributes) -> float | None:
    """Return an attribute as a number, or its default; None where there is neither.

    The type is checked as for rules: a boolean is not an integer, nor an integer a double. A value
    that is not finite, or is larger than 64 bits hold, counts as missing.
    """
    value = attributes.get(name)
    of_kind = (isinstance(value, bool), isinstance(value, int), isinstance(value, float))
    fits = of_kind == _TYPES[kind]
    # NaN fails the comparison, too.
    if fits and isinstance(value, int | float) and -VALUE_MAX <= value <= VALUE_MAX:
        return float(value)
    return default


def read_model(text: str | bytes) -> LogisticModel:
    """Read a model from JSON; anything that is not exactly one is refused.

    Raises:
        InvalidField: with the place of the fault, such as ``features[2].scale``, and its code.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(data) > DOCUMENT_BYTES_MAX:
        raise InvalidField(
            "model",
            "model_too_large",
            f"A model has at most {DOCUMENT_BYTES_MAX:,} bytes; this one has {len(data):,}.",
        )
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise InvalidField("model", "model_not_json", "The model is not JSON in UTF-8.") from error
    return model_of(document)


def model_of(document: object) -> LogisticModel:
    """Make a model of values that were read from JSON; as strict as `read_model`."""
    top = _fields(document, "model", ("format", "name", "intercept", "features"))
    if top["format"] != FORMAT:
        raise InvalidField("format", "model_format_unknown", f"The format must be {FORMAT!r}.")
    name, listed = top["name"], top["features"]
    if not isinstance(name, str) or not _MODEL_NAME.fullmatch(name):
        raise InvalidField(
            "name",
            "model_name_malformed",
            "A model's name is a small letter and at most 39 more letters, digits, _ or -.",
        )
    if not isinstance(listed, list) or not 0 < len(listed) <= FEATURES_MAX:
        raise InvalidField(
            "features",
            "model_features_out_of_range",
            f"The features are a list of 1 to {FEATURES_MAX}.",
        )
    features = tuple(_feature(one, f"features[{place}]") for place, one in enumerate(listed))
    seen: set[str] = set()
    for place, feature in enumerate(features):
        if feature.name in seen:
            raise InvalidField(
                f"features[{place}].name",
                "model_feature_repeated",
                f"The feature {feature.name} stands there twice.",
            )
        seen.add(feature.name)
    intercept = _number(top["intercept"], "intercept", -WEIGHT_MAX, WEIGHT_MAX)
    return LogisticModel(name, features, intercept)


def _feature(value: object, where: str) -> Feature:
    """Read one feature; all six fields must be there, and no others."""
    known = _fields(value, where, ("name", "kind", "default", "mean", "scale", "weight"))
    name, kind, default = known["name"], known["kind"], known["default"]
    fits = isinstance(name, str) and len(name) <= NAME_CHARACTERS_MAX
    if not fits or not _FEATURE_NAME.fullmatch(name):
        raise InvalidField(
            f"{where}.name", "model_feature_malformed", "This is not the name of an attribute."
        )
    if not isinstance(kind, str) or kind not in set(Kind):
        raise InvalidField(
            f"{where}.kind", "model_kind_unknown", f"The kind is one of {', '.join(Kind)}."
        )
    if default is not None:
        default = _number(default, f"{where}.default", -VALUE_MAX, VALUE_MAX)
    return Feature(
        name=name,
        kind=Kind(kind),
        default=default,
        mean=_number(known["mean"], f"{where}.mean", -VALUE_MAX, VALUE_MAX),
        scale=_number(known["scale"], f"{where}.scale", SCALE_MIN, VALUE_MAX),
        weight=_number(known["weight"], f"{where}.weight", -WEIGHT_MAX, WEIGHT_MAX),
    )


def _fields(value: object, where: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the fields of an object that has all of these names and no others."""
    if not isinstance(value, dict):
        raise InvalidField(where, "object_required", "An object is needed here.")
    for name in names:
        if name not in value:
            raise InvalidField(
                f"{where}.{name}".removeprefix("model."),
                "field_required",
                f"The field {name} is missing.",
            )
    for name in value:
        if name not in names:
            raise InvalidField(where, "field_unknown", f"Known are {', '.join(names)} alone.")
    return value


def _number(value: object, where: str, least: float, most: float) -> float:
    """Return a number of JSON as a double; true, text and what is not finite are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidField(where, "model_number_required", "A number is needed here.")
    if not least <= value <= most:
        raise InvalidField(
            where, "model_number_out_of_range", f"The number must be {least:g} to {most:g}."
        )
    # Adding 0 makes one zero of two, so that equal models have one hash.
    return float(value) + 0.0


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that names a field twice, since readers differ on which one counts."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidField("model", "model_field_repeated", "An object names a field twice.")
    return found
