"""Grants and codes: given, used, taken back; made, looked up, claimed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tercet.marketing.v1 import code_service_pb2 as codes_pb
from tercet.marketing.v1 import grant_service_pb2 as pb
from tercet_chassis import Handlers, Process, Tx
from tercet_marketing.grants import coding, ending, rules, store
from tercet_marketing.grants.errors import CodeTaken
from tercet_marketing.grants.issuing import Ask, issue
from tercet_marketing.grants.jobs import end_codes
from tercet_marketing.grants.model import BenefitCode, CodeBatch, Grant
from tercet_marketing.policies import matching
from tercet_marketing.policies import store as policies

AT_ONCE = 10_000


class GrantService(Handlers):
    """Serves tercet.marketing.v1.GrantService."""

    async def IssueGrant(self, request: pb.IssueGrantRequest, tx: Tx) -> Grant:
        """Gives a benefit, once by its key. Refuses what is wrong with tool and policy, a limit, a spent budget."""
        ask = Ask(
            key=request.key,
            identity_id=UUID(request.identity_id),
            tool_code=request.tool_code,
            policy_code=request.policy_code,
            campaign_id=UUID(request.campaign_id) if request.campaign_id else None,
            strategy_code=request.strategy_code,
            zone=request.zone,
            with_code=request.with_code,
        )
        return await issue(tx, ask)

    async def RedeemGrant(self, request: pb.RedeemGrantRequest, tx: Tx) -> Grant:
        """Uses a grant outside of an order, once by the key."""
        grant = await tx.get(Grant, request.id, lock=True)
        redeemer = UUID(request.redeemer_identity_id) if request.redeemer_identity_id else None
        await ending.redeem(tx, grant, request.key, request.reference, redeemer)
        return grant

    async def ReverseGrant(self, request: pb.ReverseGrantRequest, tx: Tx) -> Grant:
        """Takes a grant back with all that issuing it did. Refuses what an order uses."""
        grant = await tx.get(Grant, request.id, etag=request.etag, lock=True)
        await ending.reverse(tx, grant)
        return grant


class CodeService(Handlers):
    """Serves tercet.marketing.v1.CodeService."""

    async def CreateCodeBatch(self, request: codes_pb.CreateCodeBatchRequest, process: Process) -> codes_pb.CodeBatch:
        """Makes unique codes, ten thousand a step. Refuses a tool and policy that do not go together.

        Whoever cancels it ends the batch with what was made of it.
        """
        batch: Any = await process.step("begin", _begin, request.code_batch)
        made, step = 0, 0
        while made < batch.code_count:
            undo = _stop if step == 0 else None
            made = await process.step(f"codes {step}", _make, batch.id, undo=undo)
            step += 1
            await process.progress(made, batch.code_count, f"{made} codes")
        done: codes_pb.CodeBatch = await process.step("end", _end, batch.id)
        return done

    async def RevokeCodeBatch(self, request: codes_pb.RevokeCodeBatchRequest, tx: Tx) -> CodeBatch:
        """Ends a batch: no more codes are made, and those that nobody has claimed work no more."""
        batch = await tx.get(CodeBatch, request.id, etag=request.etag, lock=True)
        _revoke(tx, batch)
        return batch

    async def CreateSharedCode(self, request: codes_pb.CreateSharedCodeRequest, tx: Tx) -> BenefitCode:
        """Makes a code that all share. Refuses a word that is taken."""
        await matching.require_compatible(tx, request.tool_code, request.policy_code)
        text = rules.normal(request.code)
        await tx.hold("benefit-code", [text])
        if await store.codes_by_text(tx, [text]):
            raise CodeTaken(code=text)
        version = (await policies.in_force(tx, request.policy_code)).version if request.policy_code else 0
        code = BenefitCode(
            code=text,
            tool_code=request.tool_code,
            policy_code=request.policy_code,
            version=version,
            shared=True,
            uses_max=request.uses_max,
            campaign_id=UUID(request.campaign_id) if request.campaign_id else None,
        )
        return tx.add(code)

    async def RevokeCode(self, request: codes_pb.RevokeCodeRequest, tx: Tx) -> BenefitCode:
        """Ends a code; what it became stays."""
        code = await tx.get(BenefitCode, request.id, etag=request.etag, lock=True)
        code.revoke()
        return code

    async def LookUpCode(self, request: codes_pb.LookUpCodeRequest, tx: Tx) -> codes_pb.CodeStanding:
        """Says what a code is good for. Refuses one that is not there, and a caller who guesses."""
        code = await coding.one(tx, request.code)
        grant = next(iter(await store.by_ids(tx, [code.grant_id])), None) if code.grant_id is not None else None
        answer = codes_pb.CodeStanding(
            code=code.code, tool_code=code.tool_code, policy_code=code.policy_code, version=code.version
        )
        start, end = None, None
        hindrance = coding.hindrance(code, grant)
        if grant is not None:
            start, end = grant.start_time, grant.end_time
            found = grant.hindrance(tx.now())
            hindrance = hindrance or (found[0] if found is not None else "")
        elif code.policy_code:
            version = (await policies.versions(tx, [(code.policy_code, code.version)]))[code.policy_code, code.version]
            zone, _ = await tx.known.zone_and_currency(None)
            start, end = version.period(tx.now(), zone)
            if not hindrance and start is not None and tx.now() < start:
                hindrance = "GRANT_TOO_EARLY"
            if not hindrance and end is not None and tx.now() >= end:
                hindrance = "GRANT_OUT_OF_TIME"
        answer.usable, answer.hindrance = not hindrance, hindrance
        if start is not None:
            answer.start_time.FromDatetime(start)
        if end is not None:
            answer.end_time.FromDatetime(end)
        return answer

    async def ClaimCode(self, request: codes_pb.ClaimCodeRequest, tx: Tx) -> codes_pb.ClaimCodeResponse:
        """Turns a code into somebody's grant."""
        code, grant_id = await coding.claim(tx, request.code, UUID(request.identity_id), request.zone)
        return codes_pb.ClaimCodeResponse(grant_id=str(grant_id), code=code.code)


async def _begin(tx: Tx, given: codes_pb.CodeBatch) -> CodeBatch:
    await matching.require_compatible(tx, given.tool_code, given.policy_code, field="code_batch.policy_code")
    batch = await tx.create(CodeBatch, given)
    batch.random_length = batch.random_length or rules.LENGTH
    batch.version = (await policies.in_force(tx, given.policy_code)).version if given.policy_code else 0
    return batch


async def _make(tx: Tx, id: str) -> int:
    batch = await tx.get(CodeBatch, id, lock=True)
    if batch.state != "MAKING":
        return batch.code_count  # somebody has ended it
    wanted = min(AT_ONCE, batch.code_count - batch.made_count)
    drawn = {rules.drawn(batch.prefix, batch.random_length) for _ in range(wanted)}
    values = {name: getattr(batch, name) for name in ("id", "tool_code", "policy_code", "version", "campaign_id")}
    batch.made_count += await store.make_codes(tx, values, sorted(drawn))
    return batch.made_count


async def _end(tx: Tx, id: str) -> CodeBatch:
    batch = await tx.get(CodeBatch, id, lock=True)
    batch.done()
    return batch


async def _stop(tx: Tx, id: str) -> None:
    _revoke(tx, await tx.get(CodeBatch, id, lock=True))


def _revoke(tx: Tx, batch: CodeBatch) -> None:
    batch.revoke()
    tx.schedule(end_codes, due=tx.now(), key=f"end-codes:{batch.id}", batch_id=str(batch.id))
