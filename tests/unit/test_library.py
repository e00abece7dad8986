"""What `import paykeel` gives, and how it may be used without a database."""

import inspect

import pytest
from pydantic import ValidationError

import paykeel
from paykeel import Gateways, Money, Paykeel, PaykeelError, Settings
from paykeel.core import Core
from paykeel.payments.service import PaymentService


@pytest.mark.parametrize("name", paykeel.__all__)
def test_every_public_name_is_told_of(name: str) -> None:
    assert inspect.getdoc(getattr(paykeel, name))


def test_the_verbs_that_move_money_take_a_key_and_name_the_merchant() -> None:
    for verb in ("purchase", "capture", "cancel", "complete"):
        for name in (verb, "answer_completion" if verb == "complete" else f"answer_{verb}"):
            parameters = inspect.signature(getattr(PaymentService, name)).parameters
            for required in ("merchant_id", "idempotency_key"):
                assert parameters[required].kind is inspect.Parameter.KEYWORD_ONLY
                assert parameters[required].default is inspect.Parameter.empty


def test_every_public_verb_names_the_merchant() -> None:
    for_all = {"sweep", "recovery_lag", "close", "take_notice"}
    for name, verb in inspect.getmembers(PaymentService, inspect.isfunction):
        if not name.startswith("_") and name not in for_all:
            assert "merchant_id" in inspect.signature(verb).parameters, name


def test_paykeel_is_the_core_with_an_application_and_a_worker() -> None:
    assert issubclass(Paykeel, Core)
    assert inspect.iscoroutinefunction(Paykeel.work)
    assert callable(Paykeel.asgi)


def test_settings_cannot_be_changed_or_misspelt() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.pool_size = 9  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Settings.model_validate({"pool_sise": 9})


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYKEEL_POOL_SIZE", "17")
    monkeypatch.setenv("PAYKEEL_DATABASE_URL", "postgresql://a:hunter2@b/c")
    settings = Settings()
    assert settings.pool_size == 17
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    "values",
    [
        {"pool_size": 1},
        {"gateway_ms_max": 0},
        {"duplicate_wait_ms_max": -1},
        {"batch_rows_max": 0},
        {"batch_lanes": 17},
        {"port": 65_536},
        {"queue_rows_max": 0},
    ],
)
def test_settings_have_limits(values: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(values)


def test_values_are_plain() -> None:
    assert Money(1_250, "EUR") == Money(1_250, "EUR")
    assert len({Money(1, "EUR"), Money(1, "EUR"), Money(1, "USD")}) == 2
    assert issubclass(PaykeelError, Exception)
    assert isinstance(Gateways.of(), Gateways)
