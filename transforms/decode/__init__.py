"""From a record as it was sent to an `Event` without raw personal data, or to quarantine.

Read in this order: `decoder` (the way of a record, and the reasons to refuse it),
`moments` (times), `identifiers` (what becomes a key of a person), `pseudonyms`
(emails and phones), `redact` (free text), `payloads`, `refusal`, `counts`,
`seal` (refused bytes are kept encrypted).
"""

from transforms.decode.decoder import Decoder

__all__ = ["Decoder"]
