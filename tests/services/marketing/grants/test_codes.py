"""Codes: drawn, typed wrong, guessed, made by the thousand."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.benefits import basket, grant, policy, reserve
from tercet.chassis.v1.operation_service_pb2 import CancelOperationRequest, GetOperationRequest, Operation
from tercet.marketing.v1.benefit_service_pb2 import (
    BenefitReservation,
    ConfirmBenefitsRequest,
    EvaluateBenefitsRequest,
    ReleaseBenefitsRequest,
)
from tercet.marketing.v1.code_service_pb2 import (
    BenefitCode,
    ClaimCodeRequest,
    CodeBatch,
    CreateCodeBatchRequest,
    CreateSharedCodeRequest,
    GetBenefitCodeRequest,
    ListBenefitCodesRequest,
    ListCodeBatchesRequest,
    LookUpCodeRequest,
    RevokeCodeBatchRequest,
    RevokeCodeRequest,
)
from tercet.marketing.v1.grant_service_pb2 import GetGrantRequest, Grant, RedeemGrantRequest
from tercet_chassis.errors import Refusal
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, eventually, refused
from tercet_marketing.grants import rules
from tercet_marketing.grants.errors import CodeGuessesThrottled
from tercet_marketing.grants.guessing import MOST_WRONG, SECONDS_EACH, Guesses

bodies = st.text(rules.ALPHABET, min_size=4, max_size=24)


@given(bodies, st.data())
def test_one_wrong_character_is_told(body: str, data: st.DataObject) -> None:
    code = body + rules.check_character(body)
    assert rules.well_formed(code)
    at = data.draw(st.integers(0, len(code) - 1))
    other = data.draw(st.sampled_from([sign for sign in rules.ALPHABET if sign != code[at]]))
    assert not rules.well_formed(code[:at] + other + code[at + 1 :])


@given(bodies, st.data())
def test_two_characters_that_changed_places_are_told(body: str, data: st.DataObject) -> None:
    code = body + rules.check_character(body)
    at = data.draw(st.integers(0, len(code) - 2))
    swapped = code[:at] + code[at + 1] + code[at] + code[at + 2 :]
    assert rules.well_formed(swapped) == (code[at] == code[at + 1])


def test_how_a_code_is_typed_does_not_matter() -> None:
    code = rules.drawn("SPR")
    assert (len(code), code[:3], rules.well_formed(code)) == (16, "SPR", True)
    wide = "".join(chr(ord(sign) + 0xFEE0) for sign in code.lower())
    assert rules.normal(f" {code[:4]}-{code[4:8]} {code[8:]}".lower()) == code
    assert rules.normal(wide) == code


def test_wrong_codes_are_counted_by_caller_and_forgotten_with_time() -> None:
    now = [0.0]
    guesses = Guesses(lambda: now[0])
    for _ in range(MOST_WRONG):
        guesses.admit("a")
    with pytest.raises(CodeGuessesThrottled) as refusal:
        guesses.admit("a")
    assert refusal.value.retry_after == SECONDS_EACH
    guesses.admit("b")
    now[0] += SECONDS_EACH
    guesses.admit("a")
    guesses.right("a")
    guesses.admit("a")
    with pytest.raises(CodeGuessesThrottled):
        guesses.admit("a")


async def batch(marketing: Client, count: int, policy_code: str = "ten", **more: Any) -> CodeBatch:
    wanted = CodeBatch(display_name="春季", tool_code="coupon", policy_code=policy_code, code_count=count, **more)
    operation = await marketing.CreateCodeBatch(CreateCodeBatchRequest(code_batch=wanted))

    async def done() -> Operation | None:
        found: Operation = await marketing.GetOperation(GetOperationRequest(id=operation.id))
        return found if found.state in (Operation.DONE, Operation.REFUSED) else None

    ended: Operation = await eventually(done, 60)
    made = CodeBatch()
    assert ended.result.Unpack(made), ended
    assert ended.done_count == count
    return made


async def codes_of(marketing: Client, of: CodeBatch, most: int = 1000) -> list[BenefitCode]:
    request = ListBenefitCodesRequest(filter=f'batch_id = "{of.id}"', page_size=most)
    return list((await marketing.ListBenefitCodes(request)).benefit_codes)


async def test_codes_are_made_as_an_operation_each_once(marketing: Client) -> None:
    await policy(marketing, "ten", {"off": "10"})
    made = await batch(marketing, 25_000, prefix="SPR")
    assert (made.state, made.made_count, made.version) == (CodeBatch.DONE, 25_000, 1)
    async with marketing.transaction() as tx:
        (row,) = await tx.fetch(
            "SELECT count(*), count(DISTINCT code) FROM benefit_codes WHERE batch_id = $1", UUID(made.id)
        )
    assert tuple(row) == (25_000, 25_000)
    some = await codes_of(marketing, made, 100)
    assert all(code.code.startswith("SPR") and rules.well_formed(code.code) for code in some)


async def test_a_unique_code_works_once(marketing: Client) -> None:
    await policy(marketing, "ten", {"off": "10"}, validity={"days": 7})
    one, two = await codes_of(marketing, await batch(marketing, 2))
    standing = await marketing.LookUpCode(LookUpCodeRequest(code=one.code.lower()))
    assert (standing.usable, standing.tool_code, standing.policy_code) == (True, "coupon", "ten")
    assert standing.HasField("end_time")
    buyer = str(new_id())
    claimed = await marketing.ClaimCode(ClaimCodeRequest(code=one.code, identity_id=buyer))
    assert await marketing.ClaimCode(ClaimCodeRequest(code=one.code, identity_id=buyer)) == claimed
    with refused("CODE_SPENT", "code"):
        await marketing.ClaimCode(ClaimCodeRequest(code=one.code, identity_id=str(new_id())))
    held = await marketing.GetGrant(GetGrantRequest(id=claimed.grant_id))
    assert (held.identity_id, held.origin, held.code) == (buyer, Grant.CODE, one.code)
    await marketing.RevokeCode(RevokeCodeRequest(id=two.id))
    with refused("CODE_SPENT"):
        await marketing.ClaimCode(ClaimCodeRequest(code=two.code, identity_id=buyer))
    assert not (await marketing.LookUpCode(LookUpCodeRequest(code=two.code))).usable


async def test_many_who_claim_one_code_at_once_make_one_grant(marketing: Client) -> None:
    await policy(marketing, "ten", {"off": "10"})
    (one,) = await codes_of(marketing, await batch(marketing, 1))

    claims = (ClaimCodeRequest(code=one.code, identity_id=str(new_id())) for _ in range(20))
    answers = await asyncio.gather(*map(marketing.ClaimCode, claims), return_exceptions=True)
    refusals = [answer.reason for answer in answers if isinstance(answer, Refusal)]
    assert refusals == ["CODE_SPENT"] * 19


async def test_a_code_that_an_order_used_is_free_again_when_it_is_released(marketing: Client) -> None:
    await policy(marketing, "ten", {"off": "10"})
    (one,) = await codes_of(marketing, await batch(marketing, 1))
    for number in range(2):
        order = basket(new_id(), "50.00", codes=(one.code,))
        kept = await marketing.ReserveBenefits(reserve(f"o{number}", order))
        assert (kept.applied[0].code, kept.total.amount) == (one.code, "10.00")
        await marketing.ConfirmBenefits(ConfirmBenefitsRequest(key=f"o{number}"))
        other = await marketing.ReserveBenefits(reserve(f"x{number}", basket(new_id(), "50.00", codes=(one.code,))))
        assert [(why.code, why.hindrance) for why in other.withheld] == [(one.code, "GRANT_REDEEMED")]
        await marketing.ReleaseBenefits(ReleaseBenefitsRequest(key=f"o{number}"))
        back = await marketing.GetBenefitCode(GetBenefitCodeRequest(id=one.id))
        assert (back.state, back.grant_id) == (BenefitCode.OPEN, "")
        gone = await marketing.GetGrant(GetGrantRequest(id=kept.applied[0].grant_id))
        assert gone.state == Grant.REVERSED


async def test_a_grants_own_code_finds_it_at_the_till(marketing: Client) -> None:
    await policy(marketing, "ten", {"off": "10"})
    held = await grant(marketing, new_id(), "coupon", "ten", with_code=True)
    assert rules.well_formed(held.code)
    kept = await marketing.ReserveBenefits(reserve("o1", basket(new_id(), "50.00", codes=(held.code,))))
    assert (kept.state, kept.applied[0].grant_id) == (BenefitReservation.RESERVED, held.id)


async def states_of(marketing: Client, of: CodeBatch) -> dict[str, int]:
    async with marketing.transaction() as tx:
        rows = await tx.fetch(
            "SELECT state, count(*) FROM benefit_codes WHERE batch_id = $1 GROUP BY state", UUID(of.id)
        )
    return {row["state"]: row["count"] for row in rows}


async def test_a_batch_that_is_ended_takes_its_codes_along_but_not_what_was_claimed(marketing: Client) -> None:
    await policy(marketing, "ten", {"off": "10"})
    made = await batch(marketing, 3)
    claimed, used, free = await codes_of(marketing, made)
    await marketing.ClaimCode(ClaimCodeRequest(code=claimed.code, identity_id=str(new_id())))
    kept = await marketing.ReserveBenefits(reserve("order-1", basket(new_id(), "50.00", codes=(used.code,))))
    assert [applied.code for applied in kept.applied] == [used.code]
    for _ in range(2):
        ended = await marketing.RevokeCodeBatch(RevokeCodeBatchRequest(id=made.id))
        assert ended.state == CodeBatch.REVOKED
        await marketing.settled()
        assert await states_of(marketing, made) == {"CLAIMED": 2, "REVOKED": 1}
    with refused("CODE_SPENT", "code"):
        await marketing.ClaimCode(ClaimCodeRequest(code=free.code, identity_id=str(new_id())))
    await marketing.ReleaseBenefits(ReleaseBenefitsRequest(key="order-1"))
    assert await states_of(marketing, made) == {"CLAIMED": 1, "REVOKED": 2}


async def test_making_codes_is_cancelled_and_ends_what_was_made(marketing: Client) -> None:
    await policy(marketing, "ten", {"off": "10"})
    wanted = CodeBatch(display_name="春季", tool_code="coupon", policy_code="ten", code_count=1_000_000)
    operation = await marketing.CreateCodeBatch(CreateCodeBatchRequest(code_batch=wanted))

    async def now() -> Operation:
        found: Operation = await marketing.GetOperation(GetOperationRequest(id=operation.id))
        return found

    async def some_are_made() -> bool:
        return (await now()).done_count > 0

    async def cancelled() -> bool:
        return (await now()).state == Operation.CANCELLED

    await eventually(some_are_made)
    assert (await now()).total_count == 1_000_000
    await marketing.CancelOperation(CancelOperationRequest(id=operation.id))
    await eventually(cancelled)
    await marketing.settled()
    (made,) = (await marketing.ListCodeBatches(ListCodeBatchesRequest())).code_batches
    assert made.state == CodeBatch.REVOKED
    assert await states_of(marketing, made) == {"REVOKED": made.made_count}


async def test_who_guesses_is_slowed_down(marketing: Client) -> None:
    await policy(marketing, "ten", {"off": "10"})
    (one,) = await codes_of(marketing, await batch(marketing, 1))
    rights = {"marketing.code.lookup": "all", "marketing.benefit.evaluate": "all"}
    guesser = marketing.as_(permissions=rights)
    with refused("PERMISSION_MISSING"):
        await guesser.ClaimCode(ClaimCodeRequest(code=one.code, identity_id=str(new_id())))
    for _ in range(MOST_WRONG // 2):
        with refused("CODE_UNKNOWN", "code"):
            await guesser.LookUpCode(LookUpCodeRequest(code=rules.drawn()))
    with refused("CODE_MISTYPED", "code"):
        await guesser.LookUpCode(LookUpCodeRequest(code="HELLO"))
    order = basket(new_id(), "50.00", codes=tuple(rules.drawn() for _ in range(MOST_WRONG // 2 - 1)))
    answer = await guesser.EvaluateBenefits(EvaluateBenefitsRequest(basket=order))
    assert {why.hindrance for why in answer.withheld} == {"CODE_UNKNOWN"}
    with refused("CODE_GUESSES_THROTTLED"):
        await guesser.LookUpCode(LookUpCodeRequest(code=one.code))
    with refused("CODE_GUESSES_THROTTLED"):
        await guesser.EvaluateBenefits(EvaluateBenefitsRequest(basket=order))
    assert (await marketing.LookUpCode(LookUpCodeRequest(code=one.code))).usable


async def test_a_shared_code_gives_each_customer_as_much_as_the_policy_allows(marketing: Client) -> None:
    await policy(marketing, "ten", {"off": "10"}, redeem_limits={"per_customer": 1})
    wanted = CreateSharedCodeRequest(code="welcome-2026", tool_code="coupon", policy_code="ten", uses_max=2)
    made = await marketing.CreateSharedCode(wanted)
    assert (made.code, made.shared) == ("WELCOME2026", True)
    with refused("CODE_TAKEN", "code"):
        await marketing.CreateSharedCode(wanted)
    first, second, third = new_id(), new_id(), new_id()
    for key, buyer, works in (("a", first, True), ("b", first, False), ("c", second, True), ("d", third, False)):
        kept = await marketing.ReserveBenefits(reserve(key, basket(buyer, "50.00", codes=("WELCOME2026",))))
        assert bool(kept.applied) == works
        assert [why.hindrance for why in kept.withheld] == ([] if works else ["LIMIT_REACHED"])


async def test_a_member_brings_newcomers(marketing: Client) -> None:
    await policy(marketing, "ten", {"off": "10"})
    await policy(marketing, "five", {"off": "5"})
    numbers = {
        "invites_max": 2,
        "inviter_tool_code": "coupon",
        "inviter_policy_code": "ten",
        "invitee_tool_code": "coupon",
        "invitee_policy_code": "five",
    }
    await policy(marketing, "bring", numbers, currency_code="")
    member = new_id()
    held = await grant(marketing, member, "referral", "bring")
    with refused("OWN_REFERRAL"):
        await marketing.ClaimCode(ClaimCodeRequest(code=held.code, identity_id=str(member)))
    newcomer = str(new_id())
    won = await marketing.ClaimCode(ClaimCodeRequest(code=held.code, identity_id=newcomer))
    assert await marketing.ClaimCode(ClaimCodeRequest(code=held.code, identity_id=newcomer)) == won
    reward = await marketing.GetGrant(GetGrantRequest(id=won.grant_id))
    assert (reward.identity_id, reward.policy_code, reward.origin) == (newcomer, "five", Grant.REWARD)
    await marketing.RedeemGrant(RedeemGrantRequest(id=held.id, key="by hand", redeemer_identity_id=str(new_id())))
    with refused("GRANT_FOR_NEWCOMERS"):
        await marketing.ClaimCode(ClaimCodeRequest(code=held.code, identity_id=str(new_id())))
    now = await marketing.GetGrant(GetGrantRequest(id=held.id))
    assert (now.state, now.use_count) == (Grant.ISSUED, 2)
