"""How the parts of decode say no; `decoder` turns it into a quarantine row."""

from schemas.refusals import Reason


class Refusal(Exception):
    """A record that can't become an event: a stable reason, and the field without its value."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason: Reason = reason
        self.detail = detail
