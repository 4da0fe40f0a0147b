"""What a person types becomes identifiers as the warehouse knows them.

In: "card:4000", or a bare value, raw emails and phone numbers included. Out: the namespaces and
values to look for. Promised: a raw email or number is normalised and pseudonymised with the keys of
the deployment, as decode does, and appears in nothing that goes out.
"""

from typing import NamedTuple

from schemas.events import NAMESPACES
from schemas.settings import Market, Pepper
from transforms.decode.pseudonyms import PSEUDONYM, Pseudonyms, normal_email, normal_phone


class Wanted(NamedTuple):
    """`namespace` None: whichever has it. `said`: how to name it to whoever asked."""

    namespace: str | None
    values: tuple[str, ...]
    said: str


def wanted(text: str, peppers: tuple[Pepper, ...], markets: dict[str, Market]) -> Wanted:
    """What to look for."""
    namespace, colon, value = text.partition(":")
    if not colon or namespace not in NAMESPACES:
        namespace, value = "", text
    value = value.strip()
    if PSEUDONYM.fullmatch(value):
        return Wanted(namespace or None, (value,), text)
    hidden = _pseudonyms(namespace, value, Pseudonyms(peppers), markets)
    kept = () if hidden and namespace in ("email", "phone") else (value,)
    said = text
    if hidden:
        keys = ", ".join(pepper.version for pepper in peppers)
        said = f"{namespace or 'that value'}, pseudonymised with this deployment's key {keys},"
    return Wanted(namespace or None, (*hidden, *kept), said)


def _pseudonyms(
    namespace: str, value: str, pseudonyms: Pseudonyms, markets: dict[str, Market]
) -> tuple[str, ...]:
    """What an email or a phone number has ever been called; empty if it can't be one."""
    found: list[str] = []
    email = normal_email(value) if "@" in value else None
    if email is not None:
        found += pseudonyms.under_every_pepper("email", email)
    if namespace in ("", "phone", "login") and email is None:
        for region in dict.fromkeys(market.region for market in markets.values()):
            phone = normal_phone(value, region)
            if phone is not None:
                found += pseudonyms.under_every_pepper("phone", phone)
    return tuple(dict.fromkeys(found))
