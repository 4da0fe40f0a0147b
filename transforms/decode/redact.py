"""Emails and phone numbers within other text: URLs, search queries, reasons, even ids.

Comes in: any text of an event. Goes out: the same text in which whatever looks like an email
address or an international phone number is its pseudonym. A pseudonym and not asterisks, so
that an id made from an address stays a different id for every address.

What it can't see: numbers without `+`, which look like every other number, and addresses with
spaces or quotes. Those have no place outside `identifiers`.
"""

import re

from transforms.decode.pseudonyms import Pseudonyms, normal_email, normal_phone

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_AT = re.compile("@|%40")
_LOCAL_MAX = 64
_DOMAIN_MAX = 255
_ENDS_LOCAL = frozenset(" \t\r\n@/?&=#:;,<>\"'()[]{}|\\")
_DOMAIN = re.compile(r"[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"(?:\+|%2[Bb])([0-9](?:[0-9().\- ]|%20){6,24}[0-9])")


def may_hold_personal_data(raw: bytes) -> bool:
    """Whether a record's JSON can hold anything for `Redact` or `CONTROL`: a cheap first look.

    A control character can only be written with a backslash, as DEL, or as UTF-8 that begins
    with C2; other characters in disguise need a backslash too.
    """
    # One byte is looked for at the speed of memory; of several bytes only where the first one is.
    return (
        b"@" in raw
        or b"+" in raw
        or b"\\" in raw
        or b"\xc2" in raw
        or b"\x7f" in raw
        or (b"%" in raw and (b"%40" in raw or b"%2" in raw))
    )


class Redact:
    """Replaces addresses and numbers in text by their pseudonyms."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms

    def text(self, text: str) -> str:
        """The text without raw personal data; the same object if there was none."""
        if "@" in text or "%40" in text:
            text = self._emails(text)
        if "+" in text or "%2B" in text or "%2b" in text:
            text = _PHONE.sub(self._phone, text)
        return text

    def _emails(self, text: str) -> str:
        parts: list[str] = []
        copied = 0
        for at in _AT.finditer(text):
            begin = at.start()
            floor = max(copied, begin - _LOCAL_MAX)
            while begin > floor and text[begin - 1] not in _ENDS_LOCAL:
                begin -= 1
            domain = _DOMAIN.match(text, at.end(), at.end() + _DOMAIN_MAX)
            if domain is None or begin == at.start():
                continue
            address = f"{text[begin : at.start()]}@{domain[0]}"
            normal = normal_email(address) or address.lower()
            parts += text[copied:begin], self._pseudonyms.of("email", normal)
            copied = domain.end()
        return "".join(parts) + text[copied:]

    def _phone(self, found: re.Match[str]) -> str:
        normal = normal_phone("+" + found[1].replace("%20", " "), None)
        return found[0] if normal is None else self._pseudonyms.of("phone", normal)
