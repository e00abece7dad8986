"""The expression engine, behind a protocol small enough to be replaced within a day.

The language is CEL, a published standard; the engine is Google's own, in C++. Every attribute is a
dotted variable with a type, so a name that does not exist and a comparison that makes no sense are
refused when a rule is saved. An attribute without a value is left out of what is bound: whatever
asks for it is an error, which CEL carries to the result unless ``||``, ``&&`` or ``?:`` can do
without it.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from cel_expr_python import cel

from paykeel.fraud.catalogue import Type
from paykeel.fraud.lexing import Fault, Token, constants, examine, fault_at, references

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paykeel.fraud.ruleset import Value

#: How many sets of variables, and expressions in each, are kept compiled; the oldest go first.
SCOPES_MAX = 32
PROGRAMS_MAX = 1_000
#: What an engine says of a failure is cut to this before it is logged.
ERROR_CHARACTERS_MAX = 200


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no answer, because this attribute has no value."""

    attribute: str


@dataclass(frozen=True, slots=True)
class Failed:
    """There is no answer, because something else went wrong, such as an overflow."""

    text: str


Answer: TypeAlias = bool | Missing | Failed


class Program(Protocol):
    """One expression, compiled."""

    @property
    def references(self) -> frozenset[str]:
        """The variables that the expression names."""

    def evaluate(self, bound: Any) -> Answer:
        """Answer for what `Scope.bind` returned; never raises, and never takes long."""


class Scope(Protocol):
    """Variables with their types, and what is compiled against them."""

    def compile(self, text: str) -> Program | tuple[Fault, ...]:
        """Return the program, or everything that is wrong with the text."""

    def bind(self, values: Mapping[str, Value]) -> Any:
        """Prepare values for any number of programs; what is left out is missing."""


class ExpressionEngine(Protocol):
    """What judges expressions; `name` and `version` are logged with every decision."""

    @property
    def name(self) -> str:
        """The engine's own name."""

    @property
    def version(self) -> str:
        """The engine's release."""

    def scope(self, variables: Mapping[str, Type]) -> Scope:
        """Return the scope of these variables, the same one for the same variables."""

    def compile(self, text: str, variables: Mapping[str, Type]) -> Program | tuple[Fault, ...]:
        """Do what the scope's `compile` does."""


_TYPES = {
    Type.BOOL: cel.Type.BOOL,
    Type.INT: cel.Type.INT,
    Type.DOUBLE: cel.Type.DOUBLE,
    Type.STRING: cel.Type.STRING,
    Type.TIMESTAMP: cel.Type.TIMESTAMP,
}
_ABSENT = re.compile(r'No value with name "([^"]+)" found in Activation')
_FAULT = re.compile(r"^(?:\w+: )?ERROR: <input>:(\d+):(\d+): (.*)$", re.MULTILINE)
_UNDECLARED = re.compile(r"undeclared reference to '([^']+)'")


class CelProgram:
    """A program of `CelEngine`."""

    __slots__ = ("_evaluate", "references")

    def __init__(self, expression: Any, names: frozenset[str]) -> None:
        self._evaluate = expression.eval
        self.references = names

    def evaluate(self, bound: Any) -> Answer:
        """Answer for a purchase: yes, no, or why there is no answer."""
        try:
            said = self._evaluate(bound).value()
        except Exception as error:  # noqa: BLE001 - whatever an engine raises, it did not answer
            return Failed(_first_line(str(error)))
        if said is True or said is False:
            return bool(said)
        absent = _ABSENT.search(str(said))
        return Missing(absent[1]) if absent else Failed(_first_line(str(said)))


class CelScope:
    """A scope of `CelEngine`."""

    def __init__(self, variables: Mapping[str, Type]) -> None:
        self._types = dict(variables)
        self._environment = cel.NewEnv(
            variables={name: _TYPES[type_] for name, type_ in variables.items()}
        )
        self._programs: dict[str, CelProgram] = {}

    def bind(self, values: Mapping[str, Value]) -> Any:
        """Prepare values; they must be of their types, as `catalogue.checked` returns them."""
        return self._environment.Activation(values)

    def compile(self, text: str) -> CelProgram | tuple[Fault, ...]:
        """Return the program, or everything that is wrong with the text."""
        kept = self._programs.get(text)
        if kept is not None:
            return kept
        tokens = examine(text)
        if isinstance(tokens, Fault):
            return (tokens,)
        try:
            expression = self._environment.compile(text)
        except Exception as error:  # noqa: BLE001 - the engine has no error type of its own
            return self._faults(text, tokens, str(error))
        if expression.return_type() != cel.Type.BOOL:
            found = expression.return_type().name()
            message = f"A rule answers true or false; this is of type {found}."
            return (Fault("expression_not_boolean", message),)
        faults = tuple(
            fault_at(text, token.at, "expression_constant", f"{token.text}: {failure.text}")
            for token, trial in constants(tokens)
            if (failure := self._trial(trial)) is not None
        )
        if faults:
            return faults
        names = frozenset(found.name for found in references(tokens, self._types))
        program = CelProgram(expression, names)
        _keep(self._programs, text, program, PROGRAMS_MAX)
        return program

    def _trial(self, text: str) -> Failed | None:
        """Run an expression of constants, and return how it fails."""
        try:
            program = CelProgram(self._environment.compile(text), frozenset())
        except Exception as error:  # noqa: BLE001 - as in `compile`
            return Failed(_first_line(str(error)))
        said = program.evaluate(self.bind({}))
        return said if isinstance(said, Failed) else None

    def _faults(self, text: str, tokens: tuple[Token, ...], said: str) -> tuple[Fault, ...]:
        """Read the engine's complaints; a name is pointed at where it begins."""
        faults = []
        for line, column, message in _FAULT.findall(said):
            undeclared = _UNDECLARED.search(message)
            if undeclared is None:
                code = "expression_syntax" if "Syntax error" in message else "expression_type"
                faults.append(Fault(code, message, int(line), int(column)))
                continue
            written = undeclared[1]
            near = difflib.get_close_matches(written, self._types, 1)
            hint = f" Is it {near[0]}?" if near else ""
            told = f"There is no attribute or function {written}.{hint}"
            code = "expression_unknown_attribute"
            places = [fault_at(text, one.at, code, told) for one in references(tokens, {written})]
            faults += places or [Fault(code, told, int(line), int(column))]
        if "recursion" in said:
            return (Fault("expression_too_deep", "Too many parts stand inside one another."),)
        distinct = tuple(dict.fromkeys(faults))
        return distinct or (Fault("expression_syntax", _first_line(said)),)


class CelEngine:
    """CEL by Google's C++ engine; it keeps what it compiled.

    >>> engine = CelEngine()
    >>> scope = engine.scope({"payment.amount": Type.INT, "card.country": Type.STRING})
    >>> program = scope.compile("payment.amount > 100 && card.country != 'NL'")
    >>> program.evaluate(scope.bind({"payment.amount": 101, "card.country": "BE"}))
    True
    >>> program.evaluate(scope.bind({"payment.amount": 101}))
    Missing(attribute='card.country')
    >>> [fault.column for fault in scope.compile("3 < payment.amout")]
    [5]
    """

    name = "cel-expr-python"

    def __init__(self) -> None:
        self.version = version(self.name)
        self._scopes: dict[frozenset[tuple[str, Type]], CelScope] = {}

    def scope(self, variables: Mapping[str, Type]) -> CelScope:
        """Return the scope of these variables, the same one for the same variables."""
        key = frozenset(variables.items())
        kept = self._scopes.get(key)
        if kept is None:
            kept = CelScope(variables)
            _keep(self._scopes, key, kept, SCOPES_MAX)
        return kept

    def compile(self, text: str, variables: Mapping[str, Type]) -> CelProgram | tuple[Fault, ...]:
        """Do what the scope's `compile` does."""
        return self.scope(variables).compile(text)


def _keep(kept: dict[Any, Any], key: Any, value: Any, entries_max: int) -> None:
    """Put an entry into a cache; the oldest makes room."""
    while len(kept) >= entries_max:
        del kept[next(iter(kept))]
    kept[key] = value


def _first_line(text: str) -> str:
    """Return what is worth logging of an engine's message."""
    return text.strip().partition("\n")[0][:ERROR_CHARACTERS_MAX]
