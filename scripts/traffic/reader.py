"""The perfect reader: which events can be attributed by the documented rule, and to whom.

In: all happenings of a block, with what each really was. Out: a `Verdict` for each. The rule
(`rule`, and `docs/data.md`) is applied to the log alone: who really did it (`person`) is only
compared with the answer at the end. It shares nothing with `transforms.stitch`: that one learns
link by link, in the order of arrival; this one has the whole log in front of it.

The rule in short: an event belongs to the owner, at the time it occurred, of the strongest
identifier that it carries. An identifier is owned from the first event that carries it
together with a stronger one; a device until its sign-out or the next sign-in, anything else by
all it was seen with, which must be one person. Where there is no owner yet, a purchase waits 14
days for one and everything else 24 hours. Devices in shops and events without identifiers are
nobody's; a link that was revoked never was; accounts that were merged are one person.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable

from schemas.events import EVENT_TYPES
from scripts.traffic.cases import MISLEADING
from scripts.traffic.happenings import Happening, Sent
from scripts.traffic.rule import (
    BROWSING_WAITS_MS,
    DEVICE,
    LATE_MS,
    PURCHASE_WAITS_MS,
    RECEIPT_WAITS_MS,
    RUNG,
    Identifier,
    Link,
    Revoked,
    Verdict,
    identifiers_of,
)


class Reader:
    """Reads a block's happenings twice: who owned what from when on, then whose each one is."""

    def __init__(self, happenings: Iterable[Happening], shop_cookies: frozenset[str]) -> None:
        self._shop_cookies = shop_cookies
        self._links: dict[Identifier, list[Link]] = defaultdict(list)
        self._revoked: dict[Identifier, list[Revoked]] = defaultdict(list)
        self._sales: dict[str, Sent] = {}
        self._joined: dict[str, str] = {}
        """Account → the one it was merged into."""
        first_ones = [h for h in happenings if not h.copy]
        first_ones.sort(key=lambda h: (h.sent.occurred_at, h.sent.received_at))
        for happening in first_ones:
            if happening.sent.type == "unlink":
                self._revoke(happening.sent)
        for happening in first_ones:
            self._learn(happening.sent)
        self._since = {
            key: [link.occurred_at for link in links] for key, links in self._links.items()
        }

    def _revoke(self, sent: Sent) -> None:
        """Note that an identifier isn't somebody's any more, whatever was seen before."""
        ((_, namespace, value),) = identifiers_of(sent)
        owner_namespace, _, owner = sent.payload["owner"].partition(":")
        revoked = Revoked(sent.occurred_at, sent.received_at, (owner_namespace, owner))
        self._revoked[namespace, value].append(revoked)

    def _learn(self, sent: Sent) -> None:
        """Note what the event says about owners."""
        if sent.type == "account_merged":
            self._joined[sent.payload["loser"]] = sent.payload["winner"]
        carried = identifiers_of(sent)
        if sent.type in ("sale", "order_placed"):
            self._sales[carried[0][2]] = sent
        if not carried:
            return
        _, namespace, value = carried[-1]
        signs_out = sent.type == "signed_out"
        for _, name, other in carried:
            if name == "receipt" or other in self._shop_cookies:
                continue
            if signs_out and RUNG[name] == DEVICE:
                # The sign-out itself is still the session's.
                ends = Link(sent.occurred_at + 1, sent.received_at, None)
                self._links[name, other].append(ends)
            elif RUNG[name] < RUNG[namespace]:
                self._begin((name, other), sent, (namespace, value))

    def _begin(self, identifier: Identifier, sent: Sent, owner: Identifier) -> None:
        """A link; of a device each one counts, of anything else one that says something new."""
        links = self._links[identifier]
        once = RUNG[identifier[0]] != DEVICE and identifier not in self._revoked
        if not once or all(
            link.owner != owner or link.received_at > sent.received_at for link in links
        ):
            links.append(Link(sent.occurred_at, sent.received_at, owner))

    def judge(self, happening: Happening) -> Verdict:
        """Whose it is by the rule; decidable if that is right, and could be told at all."""
        verdict = self._read(happening.sent)
        if verdict.member_id == happening.person:
            if verdict.member_id is None and verdict.why != "shared_device":
                return Verdict(True, "nobody")
            return verdict
        if verdict.member_id is None:
            return verdict
        if EVENT_TYPES[happening.sent.type].money:
            assert happening.case in MISLEADING, happening
            return Verdict(False, "names_another", verdict.member_id, verdict.by)
        return Verdict(False, "other_person_session", verdict.member_id, verdict.by)

    def _read(self, sent: Sent) -> Verdict:
        carried = identifiers_of(sent)
        if not carried or sent.type == "unlink":
            return Verdict(False, "no_identifier")
        namespace, value = carried[-1][1:]
        if sent.type == "return":
            found = self._by_sale(sent)
            if found is not None:
                return found
        if namespace == "member_id":
            return Verdict(True, "own_id", self._person(value), sent.received_at)
        if namespace == "receipt":
            return Verdict(False, "no_identifier")
        if value in self._shop_cookies:
            return Verdict(False, "shared_device")
        found = self._owner((namespace, value), sent)
        if namespace == "card" and found.decidable:
            found.why = "own_id"
        return found

    def _by_sale(self, sent: Sent) -> Verdict | None:
        """A return is whoever's its sale is; None: of a sale that nobody saw."""
        sale = self._sales.get(sent.payload.get("transaction_id", ""))
        if sale is None or sale.received_at - sent.received_at > RECEIPT_WAITS_MS:
            return None
        verdict = self._read(sale)
        if not verdict.decidable or verdict.by is None:
            return verdict
        return Verdict(True, "receipt", verdict.member_id, max(sent.received_at, verdict.by))

    def _person(self, account: str) -> str:
        """The account that goes on for this one, after all merges of the log."""
        while account in self._joined:
            account = self._joined[account]
        return account

    def _owner(self, identifier: Identifier, sent: Sent) -> Verdict:
        """The owner as of then, or who came first afterwards if that was within the window."""
        if identifier[0] == "member_id":
            return Verdict(True, "linked_before", self._person(identifier[1]), sent.received_at)
        links = self._links.get(identifier, [])
        place = bisect_right(self._since.get(identifier, ()), sent.occurred_at)
        device = RUNG[identifier[0]] == DEVICE
        money = EVENT_TYPES[sent.type].money
        said_late = max((r.known_at for r in self._revocations(identifier, sent, money)), default=0)
        before = links[max(0, place - 1) : place] if device else links[:place]
        before = [link for link in before if self._counts(identifier, link, sent, money)]
        if before:
            return self._together(before, sent, "linked_before", said_late)
        if money and device:
            return Verdict(False, "not_linked")
        until = sent.occurred_at + (PURCHASE_WAITS_MS if money else BROWSING_WAITS_MS)
        end = bisect_right(self._since.get(identifier, ()), until)
        after = [link for link in links[place:end] if self._counts(identifier, link, sent, money)]
        if device and after:
            # A sign-out in between ends the wait: what follows is another session.
            first = next(
                link for link in links[place:end] if link.owner is None or link is after[0]
            )
            after = [first] if first is after[0] else []
        if not after:
            return Verdict(False, "not_linked")
        return self._together(after, sent, "linked_within_window", said_late)

    def _counts(self, identifier: Identifier, link: Link, sent: Sent, money: bool) -> bool:
        """It names somebody, was made and known in time, and nobody revoked it since."""
        if link.owner is None:
            return False
        known = link.received_at - sent.occurred_at
        if known > (PURCHASE_WAITS_MS + LATE_MS if money else BROWSING_WAITS_MS):
            return False
        return not any(
            revoked.owner == link.owner and link.occurred_at < revoked.at
            for revoked in self._revocations(identifier, sent, money)
        )

    def _revocations(self, identifier: Identifier, sent: Sent, money: bool) -> list[Revoked]:
        """Those that concern an event: made before it, or while a purchase may still change."""
        return [
            revoked
            for revoked in self._revoked.get(identifier, ())
            if revoked.at <= sent.occurred_at
            or (money and revoked.known_at - sent.occurred_at <= PURCHASE_WAITS_MS + LATE_MS)
        ]

    def _together(self, links: list[Link], sent: Sent, why: str, said_late: int) -> Verdict:
        """All that an identifier was seen with must be one person."""
        found: dict[str, int] = {}
        whys = {why}
        for owner in dict.fromkeys(link.owner for link in links if link.owner is not None):
            known_at = min(link.received_at for link in links if link.owner == owner)
            verdict = self._owner(owner, sent)
            if verdict.member_id is None or verdict.by is None:
                return verdict
            whys.add(verdict.why)
            by = max(known_at, verdict.by, sent.received_at, said_late)
            found[verdict.member_id] = max(found.get(verdict.member_id, 0), by)
        if len(found) > 1:
            return Verdict(False, "two_owners")
        ((member_id, by),) = found.items()
        waited = "linked_within_window" in whys
        return Verdict(True, "linked_within_window" if waited else "linked_before", member_id, by)
