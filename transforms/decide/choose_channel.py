"""Which channel first: the preferred one, else the one the member answers to (Thompson sampling).

Each channel has a Beta posterior: the programme's prior plus what this member engaged with and
what they didn't. A sample from it is drawn with numbers that follow from a seed (the candidate
and its instant), so a replay chooses the same channel. The sample is exact Beta, as the ratio of
two gammas by Marsaglia and Tsang (2000), "A simple method for generating gamma variables".
"""

import math
from collections.abc import Iterator, Sequence

from schemas.journeys import Conversation, Prior
from transforms.decide.identify import uniforms
from transforms.decide.member_state import DecideState

EVEN = Prior(engaged=1, ignored=1)


def posterior(state: DecideState, policy: Conversation, channel: str) -> tuple[float, float]:
    """(a, b) of Beta: engaged and ignored, the programme's prior included."""
    prior = policy.priors.get(channel, EVEN)  # type: ignore[call-overload]
    wins = state.wins.get(channel, 0)
    return prior.engaged + wins, prior.ignored + max(0, state.tries.get(channel, 0) - wins)


def p_engage(state: DecideState, policy: Conversation, channel: str) -> float:
    """The posterior's mean: the chance that the member opens or clicks a message."""
    engaged, ignored = posterior(state, policy, channel)
    return engaged / (engaged + ignored)


def _normal(numbers: Iterator[float]) -> float:
    """Box–Muller."""
    radius = math.sqrt(-2.0 * math.log(next(numbers)))
    return radius * math.cos(2.0 * math.pi * next(numbers))


def sample_gamma(shape: float, numbers: Iterator[float]) -> float:
    """Gamma(shape, 1); shapes below 1 by the boost shape + 1."""
    if shape < 1.0:
        boost = math.pow(next(numbers), 1.0 / shape)
        return sample_gamma(shape + 1.0, numbers) * boost
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = _normal(numbers)
        v = (1.0 + c * x) ** 3
        if v > 0 and math.log(next(numbers)) < 0.5 * x * x + d - d * v + d * math.log(v):
            return d * v


def sample_beta(engaged: float, ignored: float, seed: str) -> float:
    """One draw from Beta(engaged, ignored) that the seed determines."""
    numbers = uniforms(seed)
    gain = sample_gamma(engaged, numbers)
    return gain / (gain + sample_gamma(ignored, numbers))


def order_channels(
    state: DecideState, policy: Conversation, channels: Sequence[str], seed: str
) -> list[str]:
    """The step's channels, best first: preferred, then by sample, ties in the policy's order."""
    if len(channels) == 1:
        return list(channels)
    places = {channel: place for place, channel in enumerate(policy.channel_order)}

    def rank(channel: str) -> tuple[bool, float, int, str]:
        draw = 0.0
        if policy.choose == "learn" and channel != state.preferred_channel:
            draw = sample_beta(*posterior(state, policy, channel), f"{seed}\x1f{channel}")
        place = places.get(channel, len(places))  # type: ignore[call-overload]
        return channel != state.preferred_channel, -draw, place, channel

    return sorted(channels, key=rank)
