"""Mail from outside, well-formed or not: read as the customer wrote it, and known for what it is."""

from __future__ import annotations

from email.message import EmailMessage
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.mailboxes import bounce, mail
from tercet_chassis.ids import new_id
from tercet_marketing.channels import quotes
from tercet_marketing.channels.contract import Arrival, Fate, Status, Unreadable
from tercet_marketing.channels.incoming_mail import understood

OWN = "shop@example.com"
HEAD = b"From: =?GB2312?B?zfW3vA==?= <fang@example.org>\r\nMessage-ID: <1@example.org>\r\n"


def arrival(raw: bytes | EmailMessage) -> Arrival:
    [item] = understood(raw if isinstance(raw, bytes) else raw.as_bytes(), OWN)
    assert isinstance(item, Arrival)
    return item


@pytest.mark.parametrize(
    ("head", "body", "subject", "text"),
    [
        (
            b"Subject: =?gb2312?B?0afVqg==?=\r\nContent-Type: text/plain; charset=gb2312",
            "朱镕基".encode("gb18030"),
            "学摘",
            "朱镕基",
        ),
        (b"Subject: \xe4\xbd\xa0\xe5\xa5\xbd\r\nContent-Type: text/plain", "你好".encode(), "你好", "你好"),
        ("Subject: 投诉\r\nContent-Type: text/plain".encode("gb18030"), "退货".encode("gb18030"), "投诉", "退货"),
        (b"Subject: x\r\nContent-Type: text/plain; charset=big5", "訂單".encode("big5"), "x", "訂單"),
        (b"Subject: x\r\nContent-Type: text/plain; charset=nobody-knows", "订单".encode(), "x", "订单"),
        (
            b'Subject: =?utf-8?B?5L2g5w==?=\r\n =?utf-8?B?peaW?=\r\nContent-Type: text/plain; charset="',
            b"ok",
            None,
            "ok",
        ),
        (
            b"Subject: a\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64",
            b"5L2g5aW9!!",
            "a",
            "你好",
        ),
        (b"Subject: a\x00b\r\nContent-Type: text/plain", b"one\x00two", "ab", "onetwo"),
    ],
)
def test_text_is_read_however_it_is_written(head: bytes, body: bytes, subject: str | None, text: str) -> None:
    found = arrival(HEAD + head + b"\r\n\r\n" + body)
    assert found.sender_name == "王芳"
    assert found.text == text
    assert subject is None or found.subject == subject


def test_a_character_cut_in_two_by_encoded_words_is_whole() -> None:
    cut = "订单号".encode()
    first, second = cut[:4].hex().upper(), cut[4:].hex().upper()
    quoted = [
        f"=?utf-8?Q?{''.join(f'={half[i : i + 2]}' for i in range(0, len(half), 2))}?=" for half in (first, second)
    ]
    raw = HEAD + f"Subject: {quoted[0]}\r\n {quoted[1]}\r\n\r\nx".encode()
    assert arrival(raw).subject == "订单号"


def test_of_several_forms_each_is_kept_and_files_are_files() -> None:
    made = mail("文字")
    made.add_alternative('<p>网页<img src="cid:logo"></p>', subtype="html")
    made.add_attachment(b"png", maintype="image", subtype="png", cid="<logo>", disposition="inline")
    made.add_attachment(b"pdf", maintype="application", subtype="pdf", filename="../../发票.pdf")
    made.add_attachment(b"tnef", maintype="application", subtype="ms-tnef", filename="winmail.dat")
    made.add_attachment(mail("里面的", subject="原来的信"))
    found = arrival(made)
    assert (found.text, "网页" in found.html) == ("文字", True)
    assert [(file.name, file.content_type) for file in found.files] == [
        ("file-1.png", "image/png"),
        ("发票.pdf", "application/pdf"),
        ("原来的信.eml", "message/rfc822"),
    ]
    assert found.files[1].content == b"pdf"


def test_a_file_that_is_too_large_is_named_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tercet_marketing.channels.mime.LARGEST_FILE", 10)
    made = mail("看")
    made.add_attachment(b"x" * 11, maintype="application", subtype="zip", filename="a.zip")
    [file] = arrival(made).files
    assert (file.name, file.byte_count, file.content) == ("a.zip", 11, None)


@pytest.mark.parametrize(
    ("fields", "sender", "automatic"),
    [
        ({}, "fang@example.org", False),
        ({"Auto_Submitted": "no"}, "fang@example.org", False),
        ({"Auto_Submitted": "auto-replied; owner"}, "fang@example.org", True),
        ({"Precedence": "Bulk"}, "fang@example.org", True),
        ({"X_Auto_Response_Suppress": "DR, OOF"}, "fang@example.org", True),
        ({"List_Id": "<all.example.org>"}, "fang@example.org", True),
        ({"Return_Path": "<>"}, "fang@example.org", True),
        ({}, "MAILER-DAEMON@example.org", True),
        ({}, "no-reply@example.org", True),
        ({}, "noreplyson@example.org", False),
        ({}, "Shop@Example.com", True),
        ({"X_Tercet_Message": "018f"}, "fang@example.org", True),
    ],
)
def test_machines_are_known(fields: dict[str, str], sender: str, automatic: bool) -> None:
    assert arrival(mail(sender=sender, **fields)).automatic == automatic


@pytest.mark.parametrize(
    ("status", "action", "fate", "bounced"),
    [
        ("5.1.1", "failed", Fate.FAILED, True),
        ("5.2.2", "failed", Fate.FAILED, False),
        ("5.7.1", "failed", Fate.FAILED, False),
        ("4.4.7", "failed", Fate.FAILED, False),
        ("2.1.5", "delivered", Fate.DELIVERED, False),
        ("4.4.1", "delayed", None, False),
    ],
)
def test_reports_say_what_became_of_ours(status: str, action: str, fate: Fate | None, bounced: bool) -> None:
    id = new_id()
    found = understood(bounce(f"<{id}@example.com>", status, action), OWN)
    if fate is None:
        assert not found
        return
    [told] = found
    assert isinstance(told, Status)
    assert (told.fate, told.bounced, told.message_id) == (fate, bounced, UUID(str(id)))


def test_a_report_of_nobody_knows_what_is_seen_by_somebody() -> None:
    assert arrival(bounce("none")).automatic


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("好的\n\n> 请看\n> 附件", "好的"),
        ("好的\n\nOn Mon, Jan 5, 2026 at 10:00 AM Shop <shop@example.com>\nwrote:\n> x", "好的"),
        ("好的\n------------------ 原始邮件 ------------------\n发件人: shop", "好的"),
        ("好的\n-----Original Message-----\nFrom: x", "好的"),
        ("好的\n\n发件人: 银河 <shop@example.com>\n发送时间: 2026年1月5日\n收件人: 王芳\n主题: 报价\n\n正文", "好的"),
        ("> 几点？\n三点\n> 在哪？\n店里", "> 几点？\n三点\n> 在哪？\n店里"),
        ("> 只有引文", "> 只有引文"),
        ("发件人: 不是邮件头\n别的", "发件人: 不是邮件头\n别的"),
        ("一封没有引文的信", "一封没有引文的信"),
    ],
)
def test_what_is_repeated_is_put_beside(text: str, own: str) -> None:
    kept, repeated = quotes.split(text, subject="Re: 报价", answers=True)
    assert kept == own
    assert "".join((kept + repeated).split()) == "".join(text.split()), "nothing is lost"
    assert quotes.split(text, subject="转发: 报价", answers=True) == (text, "")
    assert quotes.split(text, subject="报价", answers=False) == (text, "")


@given(st.binary(max_size=600))
@settings(max_examples=50, deadline=None)
def test_nothing_makes_the_reader_fail(noise: bytes) -> None:
    for raw in (noise, HEAD + noise, HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n' + noise):
        try:
            items = understood(raw, OWN)
        except Unreadable:
            continue
        assert all("\x00" not in item.text for item in items if isinstance(item, Arrival))
