"""Columns of what goes to a requester: where it goes, and what became of it."""

from __future__ import annotations

from typing import Any

from tercet_chassis.entity import Mapped, column

WAITING, SENT, DELIVERED, FAILED = "WAITING", "SENT", "DELIVERED", "FAILED"
WITHHELD, UNCERTAIN = "WITHHELD", "UNCERTAIN"
# What marketing calls the states of a send, and what the desk does.
STATES = {each: each for each in (SENT, DELIVERED, FAILED, WITHHELD, UNCERTAIN)}


class Outgoing:
    """A row whose id is also the id of its send, so that there is one send of it however often it is handed over."""

    account_code: Mapped[str] = column(default="")
    address: Mapped[dict[str, Any] | None]
    send_state: Mapped[str | None]
    send_code: Mapped[str] = column(default="")
    send_detail: Mapped[str] = column(default="")
    # Marketing has it, and tells from there on.
    handed_over: Mapped[bool] = column(default=False)
    send_attempts: Mapped[int] = column(default=0)

    def wait(self, account_code: str, address: dict[str, Any] | None) -> None:
        """It is to go out."""
        self.account_code, self.address, self.send_state = account_code, address, WAITING

    @property
    def to_hand_over(self) -> bool:
        """True until marketing has it or refuses it for good."""
        return self.send_state == WAITING and not self.handed_over

    def refused(self, code: str, detail: str) -> None:
        """Marketing does not take it."""
        if self.send_state == WAITING:
            self.send_state, self.send_code, self.send_detail = FAILED, code, detail[:1000]

    def follow(self, state: str, code: str, detail: str) -> bool:
        """What marketing tells of it; True when that is news."""
        known = STATES.get(state)
        if known is None or (known, code) == (self.send_state, self.send_code):
            return False
        self.send_state, self.send_code, self.send_detail, self.handed_over = known, code, detail[:1000], True
        return True
