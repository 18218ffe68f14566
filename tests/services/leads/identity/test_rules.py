"""Rules of evidence: what agrees, what is vetoed, what a user is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tercet_leads.cleaning import clean_lead
from tercet_leads.cleaning.codes import organisation_check, resident_check, uscc_check
from tercet_leads.identity.blocking import CROWDED, strong_keys, weak_keys
from tercet_leads.identity.evidence import Evidence, evidence_of, profile_of
from tercet_leads.identity.memory import PartyIndex, numbered
from tercet_leads.identity.rules import CONFIRMED, MODELS, PROBABLE, UNRESOLVED, explain, judge, link_state
from tercet_leads.identity.rules_agreement import compare, fits_mask, place_agreement

FIRST_ID, SECOND_ID = (body + resident_check(body) for body in ("37010219900307123", "37010219700506123"))


def person(**raw: str) -> Evidence:
    return evidence_of(clean_lead({"lead_type": "individual", **raw}))


def company(**raw: str) -> Evidence:
    return evidence_of(clean_lead({"lead_type": "company", **raw}))


def together(*traces: Evidence) -> list[int]:
    index = numbered()
    return [index.recognise(trace).party for trace in traces]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"name": "王芳", "mobile": "13812341234"}, {"name": "王芳", "mobile": "+86 138 1234 1234"}),
        ({"name": "王芳", "mobile": "13812341234"}, {"name": "王女士", "phone": "13812341234"}),
        ({"name": "王芳", "mobile": "13812341234"}, {"mobile": "13812341234"}),
        ({"name": "张伟强", "mobile": "13812341234"}, {"name": "張偉強", "mobile": "13812341234"}),
        ({"name": "张伟强", "mobile": "13812341234"}, {"name": "Zhang Weiqiang", "mobile": "13812341234"}),
        ({"name": "张伟强", "mobile": "13812341234"}, {"name": "章伟强", "mobile": "13812341234"}),
        ({"name": "张伟强", "mobile": "13812341234"}, {"name": "阿强", "mobile": "13812341234"}),
        ({"openid": "oWx4y8Z0abcdefghijklmnopqrst"}, {"openid": "oWx4y8Z0abcdefghijklmnopqrst", "name": "王芳"}),
        ({"name": "王芳", "email": "wf1988@163.com"}, {"name": "王芳", "email": "WF1988@1163.com"}),
        ({"name": "王芳", "email": "wf1988@163.com"}, {"name": "王芳", "wechat": "wf1988@163.com"}),
        ({"id_no": "37010219900307123X", "name": "王芳"}, {"id_no": "37010219900307123x", "mobile": "13812341234"}),
        ({"name": "王晓芳", "mobile": "13812341234"}, {"name": "王晓芳", "mobile": "13812341243"}),
    ],
)
def test_same_person_seen_twice_is_one_party(first: dict[str, str], second: dict[str, str]) -> None:
    assert together(person(**first), person(**second)) == [0, 0]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # family on one phone, at one door
        ({"name": "王芳", "mobile": "13812341234"}, {"name": "李强", "mobile": "13812341234"}),
        (
            {"name": "王芳", "mobile": "13812341234", "address": "济南市历下区和平南路160号万达公寓26号楼4单元2714室"},
            {"name": "王强", "mobile": "13812341234", "address": "济南市历下区和平南路160号万达公寓26号楼4单元2714室"},
        ),
        # namesakes in one city
        (
            {"name": "张伟", "mobile": "13812341234", "city": "济南"},
            {"name": "张伟", "mobile": "13998765432", "city": "济南"},
        ),
        # one office mailbox
        ({"name": "王芳", "email": "info@acme.cn"}, {"name": "李强", "email": "info@acme.cn"}),
        # a certain identifier contradicts everything else
        (
            {"name": "王芳", "mobile": "13812341234", "id_no": FIRST_ID},
            {"name": "王芳", "mobile": "13812341234", "id_no": SECOND_ID},
        ),
    ],
)
def test_different_persons_stay_apart(first: dict[str, str], second: dict[str, str]) -> None:
    assert together(person(**first), person(**second)) == [0, 1]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("杭州云杉网络科技有限公司", "云杉（杭州）网络科技有限公司"),
        ("杭州云杉网络科技有限公司", "浙江省杭州市云杉网络科技有限责任公司"),
        ("杭州云杉网络科技有限公司", "杭州雲杉網絡科技"),
        ("杭州云杉网络科技有限公司", "杭州云山网络科技有限公司"),
    ],
)
def test_same_company_written_otherwise_is_one_party(first: str, second: str) -> None:
    assert together(company(company_name=first), company(company_name=second)) == [0, 0]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"company_name": "福州腾康包装有限公司"}, {"company_name": "福州腾康包装有限公司杭州分公司"}),
        ({"company_name": "福州腾康包装有限公司厦门分公司"}, {"company_name": "福州腾康包装有限公司杭州分公司"}),
        ({"company_name": "福州腾康包装有限公司"}, {"company_name": "厦门腾康包装有限公司"}),
        ({"company_name": "福州腾康包装有限公司"}, {"company_name": "福州腾康食品有限公司"}),
        # one landline of a business park
        (
            {"company_name": "福州腾康包装有限公司", "phone": "0591-83456789"},
            {"company_name": "福州盛达食品有限公司", "phone": "0591-83456789"},
        ),
    ],
)
def test_different_companies_stay_apart(first: dict[str, str], second: dict[str, str]) -> None:
    assert together(company(**first), company(**second)) == [0, 1]


def test_codes_that_contradict_each_other_keep_companies_apart() -> None:
    codes = []
    for body in ("70274537", "10000123"):
        inside = "91350100" + body + organisation_check(body)
        codes.append(inside + uscc_check(inside))
    first, second = (company(company_name="福州腾康包装有限公司", mobile="13812341234", uscc=code) for code in codes)
    assert together(first, second) == [0, 1]
    assert judge(first, second, {}).vetoed


def test_person_and_company_are_vetoed() -> None:
    assert judge(person(mobile="13812341234"), company(mobile="13812341234"), {}).vetoed


def test_number_that_many_hold_counts_for_less_than_one_that_one_holds() -> None:
    trace, profile = company(phone="0591-83456789"), company(phone="0591-83456789")
    alone = judge(trace, profile, {"cl:+8659183456789": 1}).score
    shared = judge(trace, profile, {"cl:+8659183456789": 9}).score
    assert alone > shared


def test_bookkeepers_mobile_does_not_draw_companies_together() -> None:
    names = ["腾康包装", "盛达食品", "云杉网络科技", "恒展建筑工程", "荣昌光电", "时达克建材"]
    traces = [company(company_name=f"福州{name}有限公司", name="刘会计", mobile="13812341234") for name in names]
    assert together(*traces) == list(range(6))


def test_crowded_key_brings_no_candidates() -> None:
    index: PartyIndex[int] = numbered()
    for number in range(CROWDED + 2):
        index.recognise(person(name="张伟", mobile=f"139{number * 3137:08d}"))
    parties, counts = index.candidates(weak_keys(person(name="张伟")))
    assert parties == []
    assert counts["in:zhangwei"] > CROWDED


def test_explanation_names_every_agreement_with_its_weight_and_adds_up() -> None:
    trace, profile = (
        person(name="王芳", mobile="13812341234", city="济南"),
        person(name="王芳", mobile="13812341234", city="济南"),
    )
    judgement = judge(trace, profile, {})
    parts = explain("individual", judgement.agreements)
    assert parts[0].feature == "mobile"
    total = MODELS["individual"].prior + sum(part.weight for part in parts)
    assert judgement.score == pytest.approx(total, abs=0.05)


def test_link_states_follow_the_thresholds() -> None:
    thresholds = MODELS["individual"].thresholds
    assert link_state("individual", thresholds.probable - 0.01) == UNRESOLVED
    assert link_state("individual", thresholds.probable) == PROBABLE
    assert link_state("individual", thresholds.confirmed) == CONFIRMED


@pytest.mark.parametrize(
    ("a", "b", "fits"),
    [
        ("350206********1334", "350206198501011334", True),
        ("350206198501011334", "350206********1334", True),
        ("350206********1334", "350206198501011335", False),
        ("350206198501011334", "350206198501011344", True),
        ("350206198501011334", "350206198502021334", False),
    ],
)
def test_masked_identifier_fits_what_it_may_be(a: str, b: str, fits: bool) -> None:
    assert fits_mask(a, b) is fits


@pytest.mark.parametrize(
    ("a", "b", "step"),
    [
        ("和平南路|160|万达公寓|26|2714", "和平南路|160|万达公寓|26|2714", 4),
        ("和平南路|160|万达公寓|26|2714", "和平南路|160||26|2714", 4),
        ("和平南路|160|万达公寓|26|2714", "和平南路|160|万达公寓|26|", 3),
        ("和平南路|160|万达公寓|26|2714", "和平南路|160|||", 2),
        ("和平南路|160|万达公寓|26|2714", "和平南路|160|万达公寓|26|2715", 1),
        ("和平南路|160|万达公寓|26|2714", "和平北路|88|||", 0),
    ],
)
def test_addresses_agree_step_by_step(a: str, b: str, step: int) -> None:
    assert place_agreement(a, b) == step
    assert place_agreement(b, a) == step


def test_what_is_left_out_neither_agrees_nor_differs() -> None:
    assert compare(person(name="王芳"), person(mobile="13812341234"), {}) == []


def test_profile_comes_out_the_same_from_its_members_as_it_grew() -> None:
    members = [
        person(name="王芳", mobile="13812341234"),
        person(name="王芳", email="wf@acme.cn"),
        person(mobile="13912341234", city="济南"),
    ]
    grown = members[0].copy()
    for member in members[1:]:
        grown.absorb(member)
    assert profile_of(members) == grown
    assert Evidence.from_json(grown.to_json()) == grown


facts = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["王芳", "王女士", "阿芳", "Wang Fang", "李强", ""]),
        "mobile": st.sampled_from(["13812341234", "13812341243", "1381234123", ""]),
        "email": st.sampled_from(["wf1988@163.com", "wf1988@1163.com", "info@acme.cn", ""]),
        "city": st.sampled_from(["济南", "南京市", ""]),
        "company_name": st.sampled_from(["杭州云杉网络科技有限公司", "云杉网络科技", "云杉杭州分公司", ""]),
        "address": st.sampled_from(["和平南路160号万达公寓26号楼2714室", "和平南路160号", ""]),
    },
)


@given(facts, facts, st.sampled_from(["individual", "company"]))
def test_comparing_is_the_same_in_both_directions(a: dict[str, str], b: dict[str, str], kind: str) -> None:
    first, second = (evidence_of(clean_lead({"lead_type": kind, **raw})) for raw in (a, b))
    assert sorted(compare(first, second, {})) == sorted(compare(second, first, {}))


@given(facts, st.sampled_from(["individual", "company"]))
def test_whatever_has_a_strong_key_is_found_again_by_itself(raw: dict[str, str], kind: str) -> None:
    trace = evidence_of(clean_lead({"lead_type": kind, **raw}))
    index = numbered()
    index.recognise(trace)
    if strong_keys(trace):
        assert index.candidates(strong_keys(trace))[0] == [0]
