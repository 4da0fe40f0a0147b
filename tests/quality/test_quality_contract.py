"""Decode and `kizuna validate` refuse the same: both follow from one declaration a field."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sample_events import AT, PAYLOADS, broken, event_of

from config.deployment import load_deployment
from config.secret_keys import decode_settings
from schemas.events import Event
from schemas.field_rules import rules_of
from schemas.refusals import Quarantined
from scripts.quality.ask import ask
from scripts.quality.contract import ENVELOPE, contract_questions
from scripts.quality.judge import judge
from scripts.quality.suites import OURS
from scripts.quality.target import Target
from transforms.decode import Decoder

SALE = next(payload for payload in PAYLOADS if payload.__name__ == "Sale")
DEPLOYMENT = load_deployment(OURS, {})
DECODER = Decoder(decode_settings(DEPLOYMENT.settings, DEPLOYMENT.secrets))


def in_envelope(name: str, **changes: Any) -> tuple[str, dict[str, Any]]:
    event = event_of(SALE, f"envelope:{name}") | changes
    return name, {field: value for field, value in event.items() if value is not ...}


ENVELOPES = dict(
    [
        in_envelope("event_id_is_there", event_id=...),
        in_envelope("event_id_is_not_empty", event_id="x" * 129),
        in_envelope("type_is_there", type=...),
        in_envelope("source_is_there", source=...),
        in_envelope("occurred_at_is_there", occurred_at=...),
        in_envelope("market_is_there", market=...),
        in_envelope("type_is_one_of_its_values", type="slae"),
        in_envelope("source_is_one_of_its_values", source="tills"),
        in_envelope("source_may_send_type", source="web"),
        in_envelope("market_is_configured", market="atlantis"),
    ]
)
"""By expectation, an event that breaks it, which decode refuses too."""

ONLY_ARCHIVED = {
    "occurred_at_is_within_bounds": "UPDATE events SET occurred_at = 7 WHERE event_id = 'good'",
    "received_at_is_within_bounds": "UPDATE events SET received_at = 7 WHERE event_id = 'good'",
    "received_at_is_there": "UPDATE events SET received_at = NULL WHERE event_id = 'good'",
    "namespaces_are_known": "UPDATE events SET identifiers = ['shoe:42'] WHERE event_id = 'good'",
}
"""What can't come about by sending: a time outside the bounds isn't read as one, one that isn't
sent is `occurred_at`, and unknown namespaces are left out and counted."""

CASES = {
    f"{payload.__struct_config__.tag}.{name}": event
    for payload in PAYLOADS
    for name, event in broken(payload)
}


def written(path: Path, events: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return path


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """The contract asked of good events, and of good ones with every violation among them."""
    folder = tmp_path_factory.mktemp("contract")
    good = [event_of(payload, f"good-{payload.__name__}") for payload in PAYLOADS]
    bad = [*good, *CASES.values(), *ENVELOPES.values(), event_of(SALE)]
    named: dict[str, set[str]] = {}
    found = {}
    for name, events in (("good", good), ("bad", bad)):
        target = Target(written(folder / f"{name}.jsonl", events))
        with target.opened(DEPLOYMENT, None) as connection:
            answers = list(ask(connection, contract_questions()))
            for question in contract_questions():
                rows = connection.execute(question.wrong or "").fetchall()
                if name == "bad":
                    named[f"{question.suite}.{question.name}"] = {str(row[1]) for row in rows}
        found[name] = {f"{one.suite}.{one.name}": one for one in judge(answers)}
    return SimpleNamespace(**found, named=named)


def test_good_events_are_as_expected_and_are_decoded(answered: SimpleNamespace) -> None:
    assert [name for name, one in answered.good.items() if one.outcome != "holds"] == []
    for payload in PAYLOADS:
        got = decoded(event_of(payload))
        assert isinstance(got, Event), got.detail


def decoded(event: dict[str, Any]) -> Event | Quarantined:
    raw = json.dumps(event).encode()
    return DECODER.decode(raw, partition="p", offset=0, known_at=AT)


@pytest.mark.parametrize("case", CASES)
def test_what_breaks_a_declaration_is_found_and_refused(
    case: str, answered: SimpleNamespace
) -> None:
    name = f"contract_{case}"
    assert answered.bad[name].outcome == "fails"
    assert CASES[case]["event_id"] in answered.named[name]
    if not (case.endswith("_is_not_empty") and not required(case)):
        assert isinstance(decoded(CASES[case]), Quarantined)


def required(case: str) -> bool:
    """Of a key: an optional one that is empty is read as none by decode, and not refused."""
    tag, _, path = case.removesuffix("_is_not_empty").partition(".")
    (payload,) = (each for each in PAYLOADS if each.__struct_config__.tag == tag)
    return rules_of(payload)[path].required


@pytest.mark.parametrize("name", ENVELOPES)
def test_what_breaks_the_envelope_is_found_and_refused(
    name: str, answered: SimpleNamespace
) -> None:
    found = answered.bad[f"{ENVELOPE}.{name}"]
    assert found.outcome == "fails"
    assert str(ENVELOPES[name].get("event_id")) in answered.named[f"{ENVELOPE}.{name}"]
    assert isinstance(decoded(ENVELOPES[name]), Quarantined)


@pytest.mark.parametrize("name", ONLY_ARCHIVED)
def test_what_only_an_archive_can_hold_is_found(name: str, tmp_path: Path) -> None:
    target = Target(written(tmp_path / "one.jsonl", [event_of(SALE)]))
    (question,) = (
        each for each in contract_questions() if (each.suite, each.name) == (ENVELOPE, name)
    )
    with target.opened(DEPLOYMENT, None) as connection:
        assert [one.outcome for one in judge(list(ask(connection, [question])))] == ["holds"]
        connection.execute(ONLY_ARCHIVED[name])
        (finding,) = judge(list(ask(connection, [question])))
    assert (finding.outcome, finding.answer.wrong) == ("fails", 1)


def test_each_generated_expectation_has_a_violation() -> None:
    """A new declaration, or a new kind of one, must come with the event that breaks it."""
    asked = {f"{each.suite}.{each.name}" for each in contract_questions()}
    cases = {f"contract_{case}" for case in CASES}
    cases |= {f"{ENVELOPE}.{name}" for name in (*ENVELOPES, *ONLY_ARCHIVED)}
    assert asked == cases
    assert len(asked) > 100
