"""Events by which operators order commands: accounts that are merged, and cards over a limit."""

AT, DAY = 1_488_362_400_000, 86_400_000


def sale(number, day, **identifiers):
    """A dollar for each of `number`, so many days after the first."""
    return _event(
        f"s{number}",
        "sale",
        "pos",
        day,
        identifiers,
        transaction_id=f"t{number}",
        currency="USD",
        lines=[{"line_id": "1", "sku": "s", "amount": 100 * number}],
    )


def merge(loser, winner, day):
    about = {"member_id": winner}
    return _event(
        f"{loser}-{winner}", "account_merged", "profile", day, about, loser=loser, winner=winner
    )


def _event(event_id, type_, source, day, identifiers, **payload):
    at = AT + round(day * DAY)
    return {
        "event_id": event_id,
        "type": type_,
        "source": source,
        "occurred_at": at,
        "received_at": at,
        "market": "us",
        "identifiers": identifiers,
        "payload": payload,
    }


def story():
    """Points of a, which go to b and on to c; and seven cards of m, where five are the limit."""
    events = [
        sale(10, 0.1, member_id="a"),
        sale(20, 0.2, member_id="b"),
        sale(40, 0.3, member_id="c"),
        *(sale(number, number, member_id="m", card=f"card-{number}") for number in range(1, 8)),
        sale(80, 8, card="card-7"),
        merge("a", "b", 9),
        merge("b", "c", 10),
    ]
    return sorted(events, key=lambda event: event["received_at"])


POINTS = {"a": 0, "b": 0, "c": 70, "m": 28}
"""At the end: what card-7 bought alone is nobody's."""
