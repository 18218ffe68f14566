"""Everybody who works at the sample company, and their week: mornings and afternoons on the virtual clock."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from types import TracebackType

from rich.progress import Progress

from tercet_local.demo import clock, company, desk, helpdesk, marketing, week
from tercet_local.demo.desk import Desk
from tercet_local.demo.journal import Journal
from tercet_local.demo.people import Person
from tercet_local.demo.shop import Shops

# After the opening at eight.
_MORNING, _AFTERNOON = timedelta(hours=2), timedelta(hours=8)


class Company:
    """The staff, signed in for as long as it is entered."""

    def __init__(self, admin: Person, seed: int, opening: datetime, days: int) -> None:
        self.admin, self.seed, self.opening, self.days = admin, seed, opening, days
        self._people: dict[str, Person] = {}

    async def __aenter__(self) -> Company:
        for person in company.PEOPLE:
            if person["role"] != "auditor":
                signed_in = Person(self.admin.url, person["email"], str(self.seed))
                self._people[person["email"]] = signed_in
                await signed_in.sign_in()
        self.agents = [self.called(login) for login, *_ in helpdesk.AGENTS]
        self.shops = Shops(self.called("manager"), self.seed, self.opening, self.days)
        self.desk = Desk(self.called("supervisor"), self.agents, self.shops.known, self.seed)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for person in self._people.values():
            await person.close()

    def called(self, login: str) -> Person:
        """The one who signs in so."""
        return self._people[f"{login}@galaxy.example"]

    async def equip(self, progress: Progress) -> None:
        """Marketing, shops and desk. What was bought before is known and asked about before any strategy runs."""
        bar = progress.add_task("Marketing, shops and desk", total=4)
        marketer = self.called("marketer")
        await marketing.prepare(marketer, self.opening)
        progress.advance(bar)
        await self.shops.open(self.admin)
        progress.advance(bar)
        await desk.build(self.called("supervisor"), self.agents)
        progress.advance(bar)
        await clock.idle(self.admin)
        await self.shops.ask_consent()
        await marketing.start(marketer)
        progress.advance(bar)

    async def work(self, journal: Journal, progress: Progress) -> None:
        """The days that are not over yet, half by half; each is written down when it is done."""
        done = int(journal.values.get("halves", 0))
        bar = progress.add_task("The week", total=self.days * 2, completed=done)
        for half in range(done, self.days * 2):
            day, late = divmod(half, 2)
            now = self.opening + timedelta(days=day) + (_AFTERNOON if late else _MORNING)
            await clock.advance(self.admin, now)
            did = await (self._afternoon(day) if late else self._morning(day, now))
            journal.put(halves=half + 1, did=dict(Counter(journal.values.get("did", {})) + did))
            progress.advance(bar)

    async def _morning(self, day: int, now: datetime) -> Counter[str]:
        did = await self.shops.morning(day)
        did += await self.desk.morning(day)
        sellers = [self.called(person["email"].partition("@")[0]) for person in company.SELLERS]
        return did + await week.play(sellers, self.seed, day, now)

    async def _afternoon(self, day: int) -> Counter[str]:
        did = await self.shops.afternoon(day)
        return did + await self.desk.afternoon(day)
