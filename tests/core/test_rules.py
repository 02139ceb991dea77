"""What the settings say of trying again becomes the rules that the core goes by."""

from daemon.core.rules import Rules, rules_of
from schema.settings import Settings


def offset(now: float) -> float:
    return 3_600.0


def test_the_defaults_of_both_are_the_same():
    assert rules_of(Settings(), offset) == Rules(utc_offset=offset)


def test_every_setting_arrives():
    settings = Settings.model_validate(
        {
            "daemon": {"retries": 5, "backoff": 7.0, "suspects": "keep"},
            "fleet": {"strikes": 4, "barred_for": 60.0, "cooling": 30.0, "overdue": 120.0},
        }
    )

    rules = rules_of(settings, offset)

    assert (rules.retries, rules.backoff, rules.suspects) == (5, 7.0, "keep")
    assert (rules.strikes, rules.barred_for, rules.cooling, rules.overdue) == (4, 60.0, 30.0, 120.0)


def test_the_wait_doubles_up_to_a_limit():
    assert [Rules().backoff_after(attempts) for attempts in (1, 2, 3, 7, 99)] == [5.0, 10.0, 20.0, 300.0, 300.0]
