"""Emails and phones become keyed hashes, so that nobody further on can read or guess them.

Comes in: an address or number as a person typed it. Goes out: `"<version>.<32 hex digits>"`,
the first 128 bits of HMAC-SHA-256 under a secret pepper. A plain hash of a phone number is
reversed by trying them all; a keyed one isn't, and its version tells which key made it.

Normalising: an email is trimmed and in lower case, nothing else (dots in the local part
distinguish people, and money is at stake); a phone is E.164, with the market's region for
numbers without a country code. `john_smith@gmail.com` is the published check of the former.
"""

import hmac
import re
from collections.abc import Sequence

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from schemas.settings import Pepper

HEX_DIGITS = 32
PSEUDONYM = re.compile(rf"v[0-9]{{1,9}}\.[0-9a-f]{{{HEX_DIGITS}}}")
"""What `Pseudonyms` makes; a sender that hashed already may send this form."""


class Pseudonyms:
    """The keyed hashes of one deployment; the first pepper is the one that writes."""

    def __init__(self, peppers: Sequence[Pepper]) -> None:
        self._peppers = tuple(peppers)
        self._writing = self._peppers[0]

    def of(self, kind: str, normal: str) -> str:
        """The pseudonym of a normalised value; `kind` is email or phone.

        An address that serves as a login has the pseudonym that it has as an email.
        """
        return _hash(self._writing, kind, normal)

    def under_every_pepper(self, kind: str, normal: str) -> tuple[str, ...]:
        """What this value was ever called, newest first: to look up or forget a person."""
        return tuple(_hash(pepper, kind, normal) for pepper in self._peppers)


def _hash(pepper: Pepper, kind: str, normal: str) -> str:
    digest = hmac.digest(pepper.key, f"{kind}:{normal}".encode(), "sha256")
    return f"{pepper.version}.{digest.hex()[:HEX_DIGITS]}"


def normal_email(text: str) -> str | None:
    """Trimmed, lower case and syntactically valid, or None. Takes about 20 µs: cache it.

    >>> normal_email(" John_Smith@gmail.com "), normal_email("john.smith at gmail")
    ('john_smith@gmail.com', None)
    """
    try:
        # Addresses under .test are accepted, so that a rehearsal needs nobody's real address.
        found = validate_email(
            text.strip().lower(), check_deliverability=False, test_environment=True
        )
    except (EmailNotValidError, UnicodeError):
        return None
    return found.normalized.lower()


def normal_phone(text: str, region: str | None) -> str | None:
    """E.164 of a valid number, or None. Takes about 25 µs: cache it.

    >>> normal_phone("(212) 555-0100", "US"), normal_phone("555-0100", "US")
    ('+12125550100', None)
    """
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
