"""Somebody of ours calls: a task for whoever looks after the customer."""

from __future__ import annotations

from uuid import UUID

from tercet.sales.v1.activity_service_pb2 import Activity, CreateActivityRequest, GetActivityRequest
from tercet_chassis import Refusal
from tercet_marketing.channels.contract import (
    Ability,
    Account,
    AddressKind,
    Channel,
    Fate,
    House,
    Later,
    Message,
    Receipt,
    Refused,
    Setting,
    Status,
    Unclear,
)

# The task was made before, whatever its due time says this time.
_THERE = frozenset({"RESOURCE_ALREADY_EXISTS", "IDEMPOTENCY_KEY_REUSED"})


class PhoneTask(Channel):
    """A call by whoever looks after the customer."""

    code = "phone_task"
    display_name = "电话任务 Phone task"
    address_kind = AddressKind.PHONE
    abilities = frozenset({Ability.SUBJECT, Ability.STATUS, Ability.ONCE})
    settings = (Setting("owner_id", "The user who calls customers that nobody looks after."),)
    needs_account = False

    def check(self, account: Account) -> dict[str, str]:
        """Besides what every account needs: an owner that is an id."""
        wrong = dict(super().check(account))
        owner = account.settings.get("owner_id")
        if owner and not _is_id(str(owner)):
            wrong["owner_id"] = "give the id of a user"
        return wrong

    async def send(self, message: Message, account: Account, house: House) -> Receipt:
        """Makes the task in sales, once under the message's id. Refused when there is nobody to do it."""
        owner = str(message.to.owner_id or account.settings.get("owner_id") or "")
        if not owner:
            raise Refused("nobody looks after the customer, and the account names no owner")
        task = Activity(
            id=str(message.id),
            kind=Activity.TASK,
            title=(message.subject or message.brief)[:300] or "电话回访 Call",
            owner_id=owner,
            unit_id=str(message.to.unit_id or ""),
            identity_id=str(message.to.identity_id or ""),
            party_id=str(message.to.party_id or ""),
            text=(message.text or message.brief)[:10_000],
        )
        task.due_time.FromDatetime(message.write_time or house.now())
        try:
            await house.call(
                "sales", "CreateActivity", CreateActivityRequest(activity=task), request_id=str(message.id)
            )
        except Refusal as refusal:
            if refusal.reason in _THERE:
                return Receipt(provider_id=str(message.id), cost=self.cost(message, account))
            if refusal.reason == "DEADLINE_SPENT":
                raise Unclear(refusal.message) from refusal
            if refusal.passing:
                raise Later(refusal.message) from refusal
            raise Refused(refusal.message) from refusal
        return Receipt(provider_id=str(message.id), cost=self.cost(message, account))

    async def status(self, message_id: UUID, provider_id: str, account: Account, house: House) -> Status:
        """Whether the task is there, and done."""
        try:
            found = await house.call("sales", "GetActivity", GetActivityRequest(id=str(message_id)), request_id="")
        except Refusal as refusal:
            absent = refusal.reason == "RESOURCE_NOT_FOUND"
            return Status(Fate.ABSENT if absent else Fate.UNKNOWN, message_id, detail=refusal.message)
        done = found.state == Activity.DONE
        return Status(Fate.DELIVERED if done else Fate.SENT, message_id, provider_id=str(message_id))


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
