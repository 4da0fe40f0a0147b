"""Refused bytes are kept, encrypted: what was refused may be someone's address.

AES-SIV (RFC 5297) is deterministic: the same bytes under the same key are the same ciphertext,
so that a run that is repeated writes the same quarantine, and a change of one bit is noticed.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

_FORMAT = b"\x01"


class Seal:
    """Encrypts and opens what is kept in quarantine; the key has 32 or 64 bytes."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)

    def close(self, raw: bytes) -> bytes:
        return self._cipher.encrypt(_FORMAT + raw, None)

    def unseal(self, sealed: bytes) -> bytes:
        """The bytes again; ValueError under another key, or if they were changed."""
        try:
            return self._cipher.decrypt(sealed, None)[len(_FORMAT) :]
        except InvalidTag:
            raise ValueError("sealed with another key, or damaged") from None
