"""Sets the sample company's desk up, as its supervisor, and works at it for a week: tickets come in, are answered and
solved, and those who asked say how it was.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from tercet_local.cli.api import ApiRefused
from tercet_local.demo import company, helpdesk
from tercet_local.demo.clients import Client
from tercet_local.demo.people import Person, once, step_id

TICKETS_A_DAY = 5
_OVERSEAS = step_id("unit", "overseas")
Json = dict[str, Any]


async def build(supervisor: Person, agents: list[Person]) -> None:
    """Hours, levels, types, agents, rules, articles; the agents are there. Running it again changes nothing."""
    for path, rows in (
        ("/v1/calendars", helpdesk.CALENDARS),
        ("/v1/service-levels", [{**level, "active": True} for level in helpdesk.LEVELS]),
        ("/v1/ticket-types", helpdesk.TYPES),
        ("/v1/routing-rules", [{**rule, "active": True} for rule in helpdesk.RULES]),
    ):
        for row in rows:
            await once(supervisor, path, row, row["code"])
    for weight in helpdesk.WEIGHTS:
        await once(supervisor, "/v1/work-weights", weight, weight["type_code"])
    people = {person["email"]: person for person in company.PEOPLE}
    for login, languages, groups, skills, capacity in helpdesk.AGENTS:
        person = people[f"{login}@galaxy.example"]
        agent = {
            "id": step_id("agent", login),
            "user_id": person["id"],
            "display_name": person["name"],
            "unit_id": step_id("unit", person["unit"]) if person["unit"] else supervisor.unit_id,
            "skills": [{"code": code, "level": level} for code, level in skills.items()],
            "language_codes": languages,
            "group_codes": groups,
            "capacity": capacity,
        }
        await once(supervisor, "/v1/agents", agent, login)
    for present, (login, *_) in zip(agents, helpdesk.AGENTS, strict=True):
        await once(present, f"/v1/agents/{step_id('agent', login)}:setPresence", {"presence": "AVAILABLE"}, login)
    await _articles(supervisor, agents[0])


async def _articles(supervisor: Person, author: Person) -> None:
    for position, (code, name, parent) in enumerate(helpdesk.CATEGORIES):
        body = {"code": code, "display_name": name, "parent_code": parent, "position": position}
        await once(supervisor, "/v1/knowledge-categories", body, code)
    for code, category, audience, texts in helpdesk.ARTICLES:
        article = {
            "id": step_id("article", code),
            "code": code,
            "category_code": category,
            "audience": audience,
            "language_code": "zh",
            "review_days": 180,
        }
        await once(author, "/v1/articles", article, code)
        for language, (title, text) in texts.items():
            version = {
                "id": step_id("article", code, language),
                "article_id": article["id"],
                "language_code": language,
                "title": title,
                "body": text,
            }
            await once(author, f"/v1/articles/{article['id']}/versions", version, code, language)
            await once(author, f"/v1/article-versions/{version['id']}:submit", {}, code, language)
            await once(supervisor, f"/v1/article-versions/{version['id']}:publish", {}, code, language)


class Desk:
    """The desk in one run. `agents` are in the order of `helpdesk.AGENTS`; the first takes calls."""

    def __init__(self, supervisor: Person, agents: list[Person], known: list[Client], seed: int) -> None:
        self.supervisor, self.agents, self.known, self.seed = supervisor, agents, known, seed

    async def morning(self, day: int) -> Counter[str]:
        """Customers who were waited for have answered; new tickets come in."""
        did: Counter[str] = Counter()
        for agent in self.agents:
            async for ticket in _mine(agent, "state = PENDING"):
                await self._say(agent, ticket, "好的,谢谢。 Thank you.", day, from_requester=True)
                did["customer_answers"] += 1
        draw = random.Random(f"{self.seed}/tickets/{day}")
        callers = draw.sample([client for client in self.known if not client.firm], k=TICKETS_A_DAY)
        for at, client in enumerate(callers):
            await self._open(self.agents[0], draw.choice(helpdesk.ASKED), client, day, at)
        if day % 3 == 0:
            await self._open(self.agents[0], helpdesk.COMPLAINT, draw.choice(self.known), day, "complaint")
        visitor = company.VISITORS[day % len(company.VISITORS)]
        await self._open_abroad(visitor, day)
        did["tickets"] += TICKETS_A_DAY + 1 + (day % 3 == 0)
        return did

    async def afternoon(self, day: int) -> Counter[str]:
        """Agents answer what they have, solve most of it, and those who asked are asked in turn."""
        did: Counter[str] = Counter()
        await self._surveys(day, did)
        for agent in self.agents:
            async for ticket in _mine(agent, "(state = NEW OR state = OPEN)"):
                await self._serve(agent, ticket, day, did)
        return did

    async def _serve(self, agent: Person, ticket: Json, day: int, did: Counter[str]) -> None:
        draw = random.Random(f"{self.seed}/{ticket['id']}/{day}")
        luck = draw.random()
        if ticket["type_code"] == "complaint" and not ticket["first_reply_time"] and luck < 0.5:
            return  # nobody has come to it today
        abroad = ticket["unit_id"] == _OVERSEAS
        answer = helpdesk.ANSWER_ABROAD if abroad else draw.choice(helpdesk.ANSWERS)
        if not await self._say(agent, ticket, answer, day, pending=luck > 0.8):
            return
        did["replies"] += 1
        if luck <= 0.8:
            words = {"resolution": "已解决 Solved"}
            await once(agent, f"/v1/tickets/{ticket['id']}:solve", words, day, ticket["id"])
            did["solved"] += 1

    async def _say(self, agent: Person, ticket: Json, words: str, day: int, **more: Any) -> bool:
        try:
            await agent.post(f"/v1/tickets/{ticket['id']}:reply", {"body": words, **more}, day, ticket["id"])
        except ApiRefused as refused:
            if refused.reason != "IDEMPOTENCY_KEY_REUSED":
                raise
            return False  # said on this day before the run was killed
        return True

    async def _surveys(self, day: int, did: Counter[str]) -> None:
        async for survey in self.supervisor.pages("/v1/surveys", "surveys", filter="state = OPEN", page_size=200):
            draw = random.Random(f"{self.seed}/survey/{survey['ticket_id']}")
            if draw.random() < 0.35:
                continue
            link = await self.supervisor.get(f"/v1/surveys/{survey['id']}:link")
            score = draw.choices([5, 4, 3, 2, 1], [10, 6, 2, 1, 1])[0]
            body = {
                "token": link["token"],
                "score": score,
                "comment": helpdesk.COMMENTS[score],
                "complaint": score == 1,
            }
            await once(self.supervisor, "/v1/surveys:answer", body, survey["id"])
            did["survey_answers"] += 1

    async def _open(self, agent: Person, asked: tuple[str, str, str, str, str], client: Client, *key: object) -> None:
        kind, priority, subject, description, arrival = asked
        known = await agent.get(f"/v1/customers/{client.id}")
        ticket = {
            "id": step_id("ticket", *key),
            "type_code": kind,
            "priority": priority,
            "subject": subject,
            "description": description,
            "arrival": arrival,
            "identity_id": known["identity_id"],
            "party_id": known["party_id"],
            "customer_id": client.id,
            "requester_name": client.firm or client.name,
            "contact_points": [{"kind": "PHONE", "value": client.mobile}],
        }
        await once(agent, "/v1/tickets", ticket, *key)

    async def _open_abroad(self, visitor: tuple[str, str, str, str, str], day: int) -> None:
        name, _, _, _, phone = visitor
        kind, priority, subject, description, arrival = helpdesk.ABROAD
        ticket = {
            "id": step_id("ticket", day, "abroad"),
            "type_code": kind,
            "priority": priority,
            "subject": subject,
            "description": description,
            "arrival": arrival,
            "requester_name": name,
            "unit_id": _OVERSEAS,
            "contact_points": [{"kind": "PHONE", "value": phone}],
        }
        await once(self.agents[-1], "/v1/tickets", ticket, day, "abroad")


async def _mine(agent: Person, states: str) -> Any:
    condition = f'owner_id = "{agent.user_id}" AND {states}'
    found = [ticket async for ticket in agent.pages("/v1/tickets", "tickets", filter=condition, page_size=200)]
    for ticket in found:
        yield ticket
