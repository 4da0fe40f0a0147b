"""`kizuna unlink`: a link that is wrong, as a command that revokes it.

In: an output, and an identifier and its owner as a person knows them. Out: the link as the
warehouse has it, what came through it, and the command. Promises: only a link that the warehouse
has can be revoked; the same link is the same command; an email or a phone leaves this process as a
pseudonym only.
"""

import time
from pathlib import Path
from typing import Any, Final

import msgspec
import xxhash

from config.deployment import Deployment
from config.secret_keys import decode_settings
from pipelines.command_files import reached
from pipelines.processes import RunRefused
from schemas.commands import Command
from schemas.events import NAMESPACES
from scripts.command_log import is_live, journal_of
from scripts.sql import CantAsk, NoAnswer, ask
from sinks.duckdb.quack import sql_text
from transforms.decode import Decoder
from transforms.decode.refusal import Refusal

SECONDS: Final = 60.0
LINKS_NAMED: Final = 5
DAY_MS: Final = 86_400_000


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `identity_links`; times in ms UTC."""

    identifier: str
    owner: str
    from_at: int
    until_at: int | None
    reason: str
    event_id: str


class Through(msgspec.Struct, frozen=True, kw_only=True):
    """What found its member at the identifier's rung. `member_id` None: the owner is nobody's."""

    member_id: str | None
    rung: str
    days: int
    purchases: int = 0
    points: int = 0


def named(said: str, option: str, deployment: Deployment, market: str) -> str:
    """An identifier as events have it, from namespace:value as a person types it."""
    decoder = Decoder(decode_settings(deployment.settings, deployment.secrets))
    try:
        return decoder.identifier(said.strip(), deployment.settings.markets[market].region)
    except Refusal:
        namespace, _, value = said.strip().partition(":")
    if namespace not in NAMESPACES or not value:
        raise RunRefused(
            f"{option}: must be NAMESPACE:VALUE, its namespace one of {', '.join(NAMESPACES)}; "
            f"got {said!r}"
        )
    about = {
        "phone": f"; numbers without a country code are read as the market's, {market}: --market",
        "email": "; for example email:ana@example.org",
    }
    raise RunRefused(
        f"{option}: must be {'an' if namespace == 'email' else 'a'} {namespace} that identifies "
        f"somebody; got {value!r}{about.get(namespace, '')}"
    )


def market_of(deployment: Deployment, market: str | None) -> str:
    """The market asked for, or the first one."""
    markets = list(deployment.settings.markets)
    if market is not None and market not in markets:
        raise RunRefused(f"--market: must be one of {', '.join(markets)}; got {market!r}")
    return market or markets[0]


def find_link(output: Path, identifier: str, owner: str) -> Link:
    """The link between the two: of several, the newest. RunRefused says which there are."""
    if identifier.startswith("member_id:"):
        raise RunRefused(
            f"--identifier: must be something that is linked to a member; got {identifier}; "
            "accounts that were merged stay one"
        )
    links = _links(output, identifier)
    between = [link for link in links if link.owner == owner]
    if between:
        return between[-1]
    if not links:
        raise RunRefused(
            f"--identifier: must be linked to somebody; {identifier} isn't, or what linked it was "
            "revoked before"
        )
    others = "; ".join(said(link) for link in reversed(links[-LINKS_NAMED:]))
    more = f"; and {len(links) - LINKS_NAMED} older ones" if len(links) > LINKS_NAMED else ""
    raise RunRefused(
        f"--owner: must be an owner of {identifier}; got {owner}, where its links are: "
        f"{others}{more}"
    )


def said(link: Link) -> str:
    """A link in a line.

    >>> link = Link(identifier="card:1", owner="member_id:m", from_at=0, until_at=None,
    ...             reason="sale", event_id="pos/e-1")
    >>> said(link)
    'member_id:m from 1970-01-01 00:00, by sale pos/e-1'
    """
    until = "" if link.until_at is None else f" until {_moment(link.until_at)}"
    return f"{link.owner} from {_moment(link.from_at)}{until}, by {link.reason} {link.event_id}"


def came_through(output: Path, link: Link, deployment: Deployment, now: int) -> Through:
    """What the member whom the link leads to has by identifiers of its rung, of the days for which
    a purchase may still change its owner.

    The warehouse doesn't say which of several identifiers of a rung an event carried, so it is
    what changes at most.
    """
    ladder = deployment.ladder
    namespace = link.identifier.partition(":")[0]
    rung = next((one.rung for one in ladder.rungs if namespace in one.namespaces), namespace)
    days = ladder.horizon_ms // DAY_MS
    member_id = _member_of(output, link.owner)
    if member_id is None:
        return Through(member_id=None, rung=rung, days=days)
    member = sql_text(member_id)
    ((purchases, points),) = _rows(
        output,
        "SELECT count(DISTINCT (e.source, e.event_id)), coalesce(sum(e.points), 0)::BIGINT "
        "FROM ledger_entries AS e JOIN current_owners AS o "
        "ON o.source = e.source AND o.event_id = e.event_id AND o.member_id = e.member_id "
        f"WHERE e.kind = 'earn' AND e.member_id = {member} AND o.rung = {sql_text(rung)} "
        f"AND e.occurred_at >= make_timestamp_ms({now - ladder.horizon_ms})",
    )
    return Through(member_id=member_id, rung=rung, days=days, purchases=purchases, points=points)


def time_of(output: Path) -> int:
    """Where the time of an output has come to, ms UTC."""
    journal = journal_of(output)
    return time.time_ns() // 1_000_000 if is_live(journal) else reached(output, journal)


def unlink(link: Link, *, reason: str, actor: str, market: str, now: int) -> Command:
    """The command that revokes a link: all that was seen of this owner until `now`, ms UTC."""
    namespace, _, value = link.identifier.partition(":")
    what = f"{link.identifier}\x1f{link.owner}\x1f{link.from_at}"
    return Command(
        event_id=f"unlink-{xxhash.xxh3_128_hexdigest(what.encode())}",
        type="unlink",
        occurred_at=now,
        market=market,
        about={namespace: value},
        payload={"owner": link.owner, "reason": reason, "actor": actor},
    )


def _links(output: Path, identifier: str) -> list[Link]:
    """All links of an identifier, the newest last, but for those that never were."""
    namespace, _, value = identifier.partition(":")
    rows = _rows(
        output,
        "SELECT owner, epoch_ms(from_at)::BIGINT, epoch_ms(until_at)::BIGINT, reason, event_id "
        f"FROM identity_links WHERE namespace = {sql_text(namespace)} "
        f"AND value = {sql_text(value)} AND (until_at IS NULL OR until_at > from_at) "
        "ORDER BY from_at, owner",
    )
    return [
        Link(
            identifier=identifier,
            owner=owner,
            from_at=from_at,
            until_at=until_at,
            reason=reason,
            event_id=event_id,
        )
        for owner, from_at, until_at, reason, event_id in rows
    ]


def _member_of(output: Path, owner: str) -> str | None:
    """Whom an owner leads to today, link by link; a merged account leads to its survivor."""
    passed: set[str] = set()
    while owner not in passed:
        passed.add(owner)
        links = [link for link in _links(output, owner) if link.until_at is None]
        if links:
            owner = links[-1].owner
    namespace, _, value = owner.partition(":")
    return value if namespace == "member_id" else None


def _rows(output: Path, sql: str) -> list[tuple[Any, ...]]:
    try:
        return ask(output, sql, limit=None, seconds=SECONDS).rows
    except (CantAsk, NoAnswer) as error:
        raise RunRefused(f"{output}: {error}") from error


def _moment(at: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(at / 1000))
