"""Files of conversations: whoever may read what was said reads them, and nobody else."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from support.gateway import Company
from support.mail_desk import mailbox, writes
from support.rest import Person, signed_in
from support.servers import Servers
from support.services import client
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, Together, eventually
from tercet_marketing.channels.contract import ArrivedFile


@pytest.fixture
async def marketing(company: Company, together: Together, servers: Servers) -> Client:
    """The company's marketing, with a mailbox that takes part in the test."""
    made = await (await client(together, servers, "marketing", new_id())).running.join(company.admin.tenant_id)
    await mailbox(made)
    return made


async def employee(door: httpx2.AsyncClient, company: Company, role: str) -> tuple[Person, str]:
    email = f"{new_id()}@{company.code}.example"
    made = await company.user(email, role)
    return await signed_in(door, company, email), made.id


async def entries(person: Person, ticket: str) -> list[dict[str, Any]]:
    return list((await person.get(f"/v1/tickets/{ticket}/entries", order_by="create_time"))["ticket_entries"])


async def test_files_are_read_by_whoever_reads_the_conversation(
    admin: Person, company: Company, marketing: Client, door: httpx2.AsyncClient
) -> None:
    content = b"%PDF " * 500_000
    await writes(marketing, "请看附件", files=(ArrivedFile("合同 1.pdf", "application/pdf", len(content), content),))

    async def opened() -> str:
        found = (await admin.get("/v1/tickets"))["tickets"]
        return str(found[0]["id"]) if found else ""

    ticket = await eventually(opened, hint="no ticket was opened")
    (said,) = await entries(admin, ticket)
    (received,) = (await admin.get("/v1/received-messages"))["received_messages"]
    (file,) = said["files"]
    assert (file["name"], file["byte_count"]) == ("合同 1.pdf", len(content))
    agent, agent_id = await employee(door, company, "service_agent")
    assert (await agent.send("GET", f"/v1/tickets/{ticket}/files/{file['file_id']}/content")).status_code == 404
    await admin.post(f"/v1/tickets/{ticket}:assign", {"assignee_id": agent_id, "unit_id": company.root_id})
    for person, path in ((admin, f"/v1/received-messages/{received['id']}"), (agent, f"/v1/tickets/{ticket}")):
        assert (await person.get(f"{path}/files/{file['file_id']}"))["name"] == "合同 1.pdf"
        answer = await person.send("GET", f"{path}/files/{file['file_id']}/content")
        assert (answer.status_code, answer.content == content) == (200, True)
        assert answer.headers["content-type"] == "application/pdf"
        assert "attachment" in answer.headers["content-disposition"]
    for path in (f"/v1/marketing/files/{file['file_id']}/content", f"/v1/tickets/{ticket}/files/{new_id()}/content"):
        assert (await agent.send("GET", path)).status_code == 404
    # Reads messages with numbers shortened, which nobody can do in a file; and no tickets at all.
    marketer, _ = await employee(door, company, "marketer")
    for path, status in ((f"/v1/tickets/{ticket}", 403), (f"/v1/received-messages/{received['id']}", 404)):
        assert (await marketer.send("GET", f"{path}/files/{file['file_id']}/content")).status_code == status, path

    offer, own = [await agent.upload("marketing", name, b"offer") for name in ("报价.pdf", "现场.jpg")]
    foreign = await admin.upload("marketing", "secret.pdf", b"secret")
    before = len(await entries(admin, ticket))
    for verb, body, reason in (
        ("reply", {"file_ids": [offer, foreign]}, "MESSAGE_FILE_UNKNOWN"),
        ("reply", {"file_ids": [str(new_id())]}, "MESSAGE_FILE_UNKNOWN"),
        ("reply", {"file_ids": [offer], "channel_code": "sms"}, "FILES_NOT_CARRIED"),
        ("note", {"file_ids": [foreign]}, "MESSAGE_FILE_UNKNOWN"),
    ):
        answer = await agent.send("POST", f"/v1/tickets/{ticket}:{verb}", {"body": "见附件", **body})
        told = answer.json()
        assert (answer.status_code, told["reason"]) == (422, reason)
        assert [each["field"] for each in told["violations"]] == ["file_ids"]
    assert len(await entries(admin, ticket)) == before, "what is refused is not said"
    made = await agent.post(f"/v1/tickets/{ticket}:reply", {"body": "见附件", "file_ids": [offer]})
    noted = await agent.post(f"/v1/tickets/{ticket}:note", {"body": "现场照片", "file_ids": [own]})
    assert [file["name"] for file in (*made["files"], *noted["files"])] == ["报价.pdf", "现场.jpg"]

    async def delivered() -> bool:
        found = {each["id"]: each["send_state"] for each in await entries(admin, ticket)}
        return (found[made["id"]], found[noted["id"]]) == ("DELIVERED", "SEND_STATE_UNSPECIFIED")

    await eventually(delivered, hint="the answer was not delivered")
    (sent,) = (await admin.get("/v1/sends"))["sends"]
    assert [file["file_id"] for file in sent["files"]] == [offer], "what is noted stays with us"
    for file in (offer, own):
        out = await admin.send("GET", f"/v1/tickets/{ticket}/files/{file}/content")
        assert (out.status_code, out.content) == (200, b"offer")
