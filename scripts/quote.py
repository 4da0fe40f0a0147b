"""`kizuna quote`: what a basket would earn and save for a member, asked of a run's output.

In: the output of a run, a member, and the basket as its purchase would be. Out: a `Quote`. The
member's account is read from the recovery store of the output, so that nothing is folded again, and
nothing is changed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

import msgspec
from msgspec import Meta

from config.deployment import Deployment
from pipelines.processes import RunRefused
from pipelines.saved_account import SavedAccount, saved_account
from schemas.events import Event
from schemas.payloads import Line, Order, Sale, Tender
from schemas.quote import Quote
from scripts.command_log import journal_of
from scripts.explain.questions import Unknown
from transforms.accrue import Programmes
from transforms.accrue.programmes import Plan
from transforms.accrue.quote import quote

Type = Literal["sale", "order_placed", "order_collected", "order_delivered"]
Source = Literal["pos", "web", "app", "partner"]
Fulfilment = Literal["", "ship", "pickup", "curbside"]
CHOICES: Final = {"type": Type, "source": Source, "fulfilment": Fulfilment}
NAME: Final = "quote"
"""What the purchase that isn't made is called."""


class BasketLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of the basket as people write it. `line_id` None: its number."""

    line_id: str | None = None
    sku: str = ""
    category: str = ""
    quantity: Annotated[int, Meta(ge=1)] = 1
    amount: Annotated[int, Meta(ge=0, description="to pay for the whole line, minor units")]
    discount: Annotated[int, Meta(ge=0)] = 0


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A basket, and how it would be bought. `at` None: where the run has come to."""

    lines: tuple[Line, ...]
    at: int | None = None
    type: Type = "sale"
    source: Source = "pos"
    store: str = ""
    touchpoint: str = ""
    fulfilment: Fulfilment = ""
    tenders: tuple[Tender, ...] = ()
    offers: tuple[str, ...] = ()


def read_lines(text: bytes, name: str) -> tuple[Line, ...]:
    """Lines of a basket: a JSON array, or an object a line. RunRefused says what is wrong where."""
    text = text.strip()
    try:
        lines: Sequence[BasketLine]
        if text.startswith(b"["):
            lines = msgspec.json.decode(text, type=tuple[BasketLine, ...])
        else:
            lines = msgspec.json.Decoder(BasketLine).decode_lines(text)
    except msgspec.DecodeError as error:
        raise RunRefused(
            f"--lines {name}: must be the basket's lines, a JSON array or an object a line, such "
            f'as {{"sku":"tea","category":"DRINKS","quantity":2,"amount":1050}}; got: {error}'
        ) from None
    if not lines:
        raise RunRefused(f"--lines {name}: must hold at least one line; got none")
    return tuple(
        Line(
            line_id=one.line_id or str(number),
            sku=one.sku,
            category=one.category,
            quantity=one.quantity,
            amount=one.amount,
            discount=one.discount,
        )
        for number, one in enumerate(lines, 1)
    )


def read_tenders(texts: Sequence[str]) -> tuple[Tender, ...]:
    """Tenders as people type them: card=1050."""
    tenders = []
    for text in texts:
        method, _, amount = text.partition("=")
        if not method or not amount.isdecimal():
            raise RunRefused(
                f"--tender: must be a method and minor units, such as card=1050; got {text!r}"
            )
        tenders.append(Tender(method=method, amount=int(amount)))
    return tuple(tenders)


def asked(lines: tuple[Line, ...], **how: Any) -> Asked:
    """What is asked; RunRefused says which option is wrong."""
    for name, choice in CHOICES.items():
        among = [one for one in get_args(choice) if one]
        if how.get(name) and how[name] not in among:
            raise RunRefused(f"--{name}: must be one of {', '.join(among)}; got {how[name]!r}")
    wanted = Asked(lines=lines, **how)
    if wanted.fulfilment and wanted.type == "sale":
        raise RunRefused(
            "--fulfilment: must be of an order; got --type sale; add, for example, --type "
            "order_placed"
        )
    if wanted.tenders and wanted.type != "sale":
        raise RunRefused(f"--tender: must be of a sale; got --type {wanted.type}; leave it out")
    return wanted


def account_of(output: Path, member_id: str) -> SavedAccount:
    """What the output's run has saved of a member. RunRefused: there is no such output; Unknown: no
    such member."""
    if not (output / "journal").is_dir() and (output / "run" / "journal").is_dir():
        output = output / "run"
    foundation = journal_of(output).foundation
    if "key_groups" not in foundation:
        raise RunRefused(f"{output}: must be the output of a run that began; got none that did")
    saved = saved_account(output / "recovery", int(foundation["key_groups"]), member_id)
    if saved is None:
        raise Unknown(
            f"{member_id}: must be a member who has an account in {output}; got somebody of whom "
            "nothing is saved there; `kizuna explain identity VALUE` finds whose an identifier is, "
            "and a live run saves every few seconds"
        )
    if saved.state.merged_into:
        raise Unknown(
            f"{member_id}: must be an account that is open; got one that was merged into "
            f"{saved.state.merged_into}; ask for that one"
        )
    return saved


def answer(output: Path, deployment: Deployment, member_id: str, asked: Asked) -> Quote:
    """The quote. Raises RunRefused, Unknown or `transforms.accrue.quote.CantQuote`."""
    saved = account_of(output, member_id)
    plan = Programmes(deployment.programmes).named(saved.state.programme)
    if plan is None:
        raise RunRefused(
            f"--config: must have the programme of {member_id}, {saved.state.programme}; got "
            f"{', '.join(sorted(one.programme for one in deployment.programmes)) or 'none'}"
        )
    at = saved.until if asked.at is None else asked.at
    return quote(saved.state, plan, purchase(plan, asked, at))


def purchase(plan: Plan, asked: Asked, at: int) -> Event:
    """The basket as the event that its purchase would be."""
    payload: Sale | Order
    if asked.type == "sale":
        payload = Sale(
            transaction_id=NAME,
            currency=plan.currency,
            lines=asked.lines,
            tenders=asked.tenders,
            offers=asked.offers,
        )
    else:
        payload = Order(
            order_id=NAME,
            currency=plan.currency,
            lines=asked.lines,
            fulfilment=asked.fulfilment or None,
            offers=asked.offers,
        )
    context = {"store_id": asked.store, "touchpoint": asked.touchpoint}
    return Event(
        event_id=NAME,
        type=asked.type,
        source=asked.source,
        occurred_at=at,
        received_at=at,
        market=plan.markets[0],
        context={name: value for name, value in context.items() if value},
        payload=payload,
    )
