"""The choice of channels: Beta samples, learning from answers, the same on every replay."""

import math
from statistics import fmean

import pytest
from decide_story import EMAIL, HOUR, MINUTE, NOON, PUSH, Story, journey_of, policy_of
from scipy import stats

from schemas.journeys import Conversation, Prior
from schemas.payloads import Consent, Feedback, Profile
from transforms.decide.choose_channel import order_channels, p_engage, sample_beta
from transforms.decide.identify import identify, share_of, uniforms
from transforms.decide.member_state import DecideState

ASK = """
journey: ask
version: 1
purpose: marketing
priority: 1
entry: {event: searched}
reentry_hours: 0
steps:
  - step: tell
    message: {channels: [push, email], content: ask@1}
"""
EVEN = {"push": Prior(engaged=1, ignored=1), "email": Prior(engaged=1, ignored=1)}


@pytest.mark.parametrize(("a", "b"), [(1, 1), (2, 18), (0.5, 0.5), (30, 3)])
def test_samples_follow_the_beta_distribution(a: float, b: float) -> None:
    draws = [sample_beta(a, b, f"seed-{number}") for number in range(3000)]
    assert stats.kstest(draws, stats.beta(a, b).cdf).pvalue > 0.001
    assert all(0 < draw < 1 for draw in draws)


def test_uniform_numbers_are_uniform_and_follow_from_the_seed() -> None:
    numbers = uniforms("s")
    drawn = [next(numbers) for _ in range(3000)]
    assert stats.kstest(drawn, "uniform").pvalue > 0.001
    again = uniforms("s")
    assert drawn == [next(again) for _ in range(3000)]
    assert next(uniforms("t")) != drawn[0]


def test_ids_are_known_values() -> None:
    """They are stored and compared across releases: they may not change."""
    greeting = identify("m-1", "welcome", "e", "greet", "push")
    assert greeting == "c2596a58065c69f3c5e093fb730b2f79"
    assert math.isclose(share_of("offer/hold_out", "m-1"), 0.46819845476569744)
    assert identify("a", "bc") != identify("ab", "c")


def test_the_preferred_channel_comes_first_whatever_was_learnt() -> None:
    state = DecideState(
        member_id="m", preferred_channel="email", tries={"push": 9}, wins={"push": 9}
    )
    policy = policy_of(choose="learn", priors=EVEN)
    for seed in range(50):
        assert order_channels(state, policy, ("push", "email"), str(seed)) == ["email", "push"]


def test_a_preference_for_another_channel_changes_nothing() -> None:
    state = DecideState(member_id="m", preferred_channel="sms")
    policy = policy_of()
    assert order_channels(state, policy, ("email", "push"), "s") == ["push", "email"]


def test_what_a_member_answers_to_is_tried_first_more_often() -> None:
    state = DecideState(
        member_id="m", tries={"push": 10, "email": 10}, wins={"push": 1, "email": 8}
    )
    policy = policy_of(choose="learn", priors=EVEN)
    orders = [order_channels(state, policy, ("push", "email"), str(seed)) for seed in range(500)]
    email_first = sum(order[0] == "email" for order in orders)
    # P(Beta(9, 3) > Beta(2, 10)) = 0.999; a fresh member: one half.
    assert email_first > 480
    fresh = DecideState(member_id="m")
    orders = [order_channels(fresh, policy, ("push", "email"), str(seed)) for seed in range(500)]
    assert 200 < sum(order[0] == "email" for order in orders) < 300


def test_the_prior_speaks_until_the_member_does() -> None:
    policy = policy_of(priors={"push": Prior(engaged=2, ignored=18)})
    state = DecideState(member_id="m")
    assert p_engage(state, policy, "push") == 0.1
    state.tries, state.wins = {"push": 20}, {"push": 18}
    assert p_engage(state, policy, "push") == 0.5
    assert p_engage(state, policy, "sms") == 0.5, "no prior: even"


def asked(policy: Conversation) -> Story:
    story = Story([journey_of(ASK)], policy)
    story.event(0, "enrolled", Profile(), identifiers=(PUSH, EMAIL))
    for channel in ("push", "email"):
        yes = Consent(channel=channel, purpose="marketing", granted=True)
        story.event(0, "consent_changed", yes)
    return story


def told(story: Story, at: int, *types: str) -> Story:
    sent = story.triggers(action="send")[-1]
    for type in types:
        story.event(at, type, Feedback(trigger_id=sent.trigger_id, channel=sent.channel))
    return story


@pytest.mark.parametrize(
    ("types", "tries", "wins"),
    [
        ((), 1, 0),
        (("delivered",), 1, 0),
        (("delivered", "opened", "clicked"), 1, 1),
        (("clicked", "clicked"), 1, 1),
        (("failed",), 0, 0),
        (("failed", "failed"), 0, 0),
        (("dismissed", "shown"), 1, 0),
    ],
)
def test_what_reports_teach(types: tuple[str, ...], tries: int, wins: int) -> None:
    story = asked(policy_of()).event(1, "searched").until(1)
    told(story, MINUTE, *types)
    assert (story.state.tries.get("push", 0), story.state.wins.get("push", 0)) == (tries, wins)
    assert [row.state for row in story.deliveries()] == list(dict.fromkeys(types))


def test_a_delivery_row_says_what_the_channel_said() -> None:
    story = asked(policy_of())
    report = Feedback(trigger_id="unknown", channel="push", reason="bounced")
    story.event(HOUR, "failed", report, occurred=MINUTE)
    (row,) = story.deliveries()
    assert (row.trigger_id, row.state, row.reason, row.at) == (
        "unknown",
        "failed",
        "bounced",
        NOON + MINUTE,
    )
    assert row.member_id == story.member


def test_a_member_who_only_answers_mail_is_written_to_by_mail() -> None:
    """In the long run: pushes are ignored, mails are opened."""
    story = asked(policy_of(choose="learn", priors=EVEN))
    chosen = []
    for number in range(60):
        at = (number + 1) * HOUR
        story.event(at, "searched").until(at)
        chosen.append(story.triggers(action="send")[-1].channel)
        if chosen[-1] == "email":
            told(story, at + MINUTE, "opened")
    late = chosen[20:]
    assert fmean(channel == "email" for channel in late) > 0.9


def test_what_weighs_more_wins_the_tie_of_priority() -> None:
    dear = journey_of(ASK.replace("journey: ask", "journey: dear\nvalue: 900"))
    cheap = journey_of(ASK.replace("journey: ask", "journey: cheap\nvalue: 100"))
    for order in ([dear, cheap], [cheap, dear]):
        story = Story(order, policy_of())
        story.event(0, "enrolled", Profile(), identifiers=(PUSH,))
        yes = Consent(channel="push", purpose="marketing", granted=True)
        story.event(0, "consent_changed", yes).event(1, "searched").until(1)
        assert [row.journey for row in story.triggers()] == ["dear"]
