"""From a record as it was sent to an `Event` without raw personal data, or to quarantine.

Read in this order: `decoder` (the way of a record, and the reasons to refuse it), `moments`
(times), `identifiers` (what becomes a key of a person), `pseudonyms` (emails and phones),
`redact` and `clean` (the same within other text), `payloads` and `payload_rules` (what each
type carries), `as_json` (Avro records), `quarantine`, `seal` and `depth` (what is refused),
`refusal`, `counts`; `repairs` (refused records that come again); `tombstones` and `erased` (what
is left of people who were erased), `trace_context`.
"""

from transforms.decode.decoder import Decoder

__all__ = ["Decoder"]
