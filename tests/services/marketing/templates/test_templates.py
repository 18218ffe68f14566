"""Templates: bounded, escaped, in the customer's language, and honest about what is missing."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.sending import decides, email, ended, message, somebody
from tercet.marketing.v1 import channel_service_pb2 as channels
from tercet.marketing.v1 import send_service_pb2 as pb
from tercet.marketing.v1 import template_service_pb2 as templates
from tercet_chassis.errors import Refusal
from tercet_chassis.testing import Client, refused
from tercet_marketing.templates.errors import (
    TemplateBodyMissing,
    TemplateInvalid,
    TemplateTooLarge,
    TemplateVariablesMissing,
)
from tercet_marketing.templates.rules import Source, chosen_body, plain_of, undeclared

Body = templates.Template.Body


def source(text: str = "", missing: str = "REFUSE", **more: Any) -> Source:
    body = {"language": "zh-CN", "text": text, **more.pop("body", {})}
    return Source("welcome", "zh-CN", missing, more.pop("variables", []), more.pop("bodies", [body]))


def test_what_has_no_value_is_refused_left_out_or_replaced() -> None:
    text = "{{ customer.name }}，您有 {{ points }} 分"
    given_values = {"customer": {"name": "王芳"}}
    with pytest.raises(TemplateVariablesMissing, match="points"):
        source(text).render("sms", "zh", given_values)
    assert source(text, "BLANK").render("sms", "zh", given_values).text == "王芳，您有  分"
    declared = [{"code": "points", "fallback": "若干"}]
    assert source(text, "FALLBACK", variables=declared).render("sms", "zh", given_values).text == "王芳，您有 若干 分"
    with pytest.raises(TemplateVariablesMissing, match="points"):
        source(text, "FALLBACK").render("sms", "zh", given_values)
    with pytest.raises(TemplateVariablesMissing, match="points"):
        source(text).render("sms", "zh", {**given_values, "points": ""})


def test_conditions_and_defaults_may_ask_for_what_is_not_there() -> None:
    text = "{% if coupon %}券：{{ coupon }}{% endif %}{{ name | default: '您' }}好"
    assert source(text).render("sms", "zh", {}).text == "您好"


def test_values_are_escaped_in_html_and_scripts_taken_out() -> None:
    html = "<p onclick='x()'>{{ name }}</p><script>alert(1)</script><a href='javascript:x'>x</a>"
    made = source(body={"html": html}).render("email", "zh", {"name": "<img src=x onerror=y>"})
    assert "&lt;img" in made.html
    assert not {"script", "onclick", "javascript", "alert"} & set(made.html.replace("<", " ").replace("(", " ").split())
    assert "onclick" not in made.html
    assert made.text.startswith("<img"), "plain text says it as it is"


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in (1..100000) %}{% for b in (1..100000) %}x{% endfor %}{% endfor %}",
        "{% assign s = 'xxxxxxxxxxxxxxxx' %}{% for i in (1..40) %}{% assign s = s | append: s %}{% endfor %}{{ s }}",
        "{% for i in (1..19000) %}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa{% endfor %}",
    ],
)
def test_nobody_renders_without_end(text: str) -> None:
    with pytest.raises(TemplateTooLarge):
        source(text).render("sms", "zh", {})


@pytest.mark.parametrize(
    "text", ["{{ a", "{% if %}", "{% include 'x' %}", "{% render 'x' %}", "{{ 1 | nothing }}", "{% x %}"]
)
def test_what_does_not_parse_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(TemplateInvalid, match="text"):
        source(text).render("sms", "zh", {"a": 1})


@pytest.mark.parametrize("text", ["{{ 1 | divided_by: 0 }}", "{{ a.__class__.__mro__ }}"])
def test_what_fails_while_it_is_rendered_is_a_refusal(text: str) -> None:
    with pytest.raises(Refusal):
        source(text).render("sms", "zh", {"a": "x"})


@settings(max_examples=300, deadline=None)
@given(
    st.text(alphabet="{}%|. abc'\"\n0123456789:()-=!<>", max_size=60),
    st.dictionaries(st.sampled_from("abc"), st.text()),
)
def test_whatever_is_written_it_renders_or_is_refused(text: str, values: dict[str, str]) -> None:
    with suppress(Refusal):
        source(text).render("sms", "zh", values)


def test_the_nearest_language_is_found_and_the_channels_own_text_first() -> None:
    bodies = [
        {"language": language, "channel_code": channel, "text": f"{language}/{channel}"}
        for language, channel in (("zh", ""), ("zh-TW", ""), ("en", ""), ("zh", "sms"), ("de", ""))
    ]

    def found(channel: str, language: str, default: str = "en") -> Any:
        body = chosen_body(bodies, channel, language, default)
        return body and body["text"]

    assert found("email", "zh-TW") == "zh-TW/"
    assert found("email", "zh-CN") == "zh/"
    assert found("sms", "zh-CN") == "zh/sms"
    assert found("email", "fr") == "en/"
    assert found("email", "zh-HK", "fr") == "zh/"
    assert found("email", "", "de") == "de/"
    assert chosen_body([{"language": "zh", "channel_code": "sms"}], "email", "zh", "zh") is None
    with pytest.raises(TemplateBodyMissing):
        source(bodies=[{"language": "zh", "channel_code": "sms"}]).render("email", "zh", {})


def test_plain_text_is_read_from_html() -> None:
    assert plain_of("<style>p{}</style><h1>新年</h1><p>您 &amp; 我<br>好</p>") == "新年\n您 & 我\n好"


def test_undeclared_variables_are_listed() -> None:
    bodies = [
        {"text": "{{ customer.name }}{{ points }}{{ shop }}{% assign x = 1 %}{{ x }}"},
        {"html": "{{ unsubscribe_url }}"},
    ]
    assert undeclared(bodies, ["shop"]) == ["points"]


async def make(marketing: Client, **values: Any) -> Any:
    given_values = {
        "code": "welcome",
        "default_language": "zh",
        "bodies": [Body(language="zh", text="{{ customer.name }}好")],
    }
    request = templates.CreateTemplateRequest(template=templates.Template(**{**given_values, **values}))
    return await marketing.CreateTemplate(request)


async def test_a_template_is_sent_in_the_version_it_was_queued_with(marketing: Client) -> None:
    fang_at = email("fang@example.com")
    fang = await somebody(marketing, "王芳", fang_at)
    await decides(marketing, fang, fang_at)
    made = await make(marketing)
    assert (made.version, list(made.undeclared_variables)) == (1, [])
    request = message(fang, template_code="welcome", text="")
    request.not_before.GetCurrentTime()
    request.not_before.seconds += 3
    send = await marketing.SendMessage(request)
    changed = templates.Template(id=made.id, bodies=[Body(language="zh", text="{{ customer.name }}，{{ gift }}")])
    update = templates.UpdateTemplateRequest(template=changed)
    update.update_mask.paths.append("bodies")
    second = await marketing.UpdateTemplate(update)
    assert (second.version, list(second.undeclared_variables)) == (2, ["gift"])
    done = await ended(marketing, send)
    assert (done.state, done.text, done.template_version, done.language) == (pb.Send.DELIVERED, "王芳好", 1, "zh")
    with refused("TEMPLATE_VARIABLES_MISSING", "variables"):
        await marketing.SendMessage(message(fang, template_code="welcome", text=""))
    request = message(fang, template_code="welcome", text="")
    request.variables.update({"gift": "茶"})
    assert (await ended(marketing, await marketing.SendMessage(request))).text == "王芳，茶"
    versions = await marketing.ListTemplateVersions(templates.ListTemplateVersionsRequest(template_id=made.id))
    assert sorted(version.version for version in versions.template_versions) == [1, 2]
    listed = await marketing.ListConsoleMessages(channels.ListConsoleMessagesRequest())
    assert sorted(each.text for each in listed.console_messages) == ["王芳好", "王芳，茶"]


async def test_a_preview_shows_what_a_customer_would_get(marketing: Client) -> None:
    fang = await somebody(marketing, "王芳", email("fang@example.com"))
    variable = templates.Template.Variable(code="gift", example="茶")
    body = Body(language="zh", subject="给{{ customer.name }}", text="{{ gift }}{{ nothing }} {{ unsubscribe_url }}")
    made = await make(marketing, bodies=[body], variables=[variable])
    request = templates.PreviewTemplateRequest(id=made.id, identity_id=str(fang))
    shown = await marketing.PreviewTemplate(request)
    assert (shown.subject, shown.text) == ("给王芳", "茶 https://example.com/unsubscribe_url")
    assert list(shown.missing_variables) == ["nothing"]
    masked = marketing.as_(masks=["NAME"])
    assert (await masked.PreviewTemplate(request)).subject == "给"


async def test_a_body_that_does_not_parse_is_not_kept(marketing: Client) -> None:
    with refused("TEMPLATE_INVALID"):
        await make(marketing, bodies=[Body(language="zh", text="{{ customer.name")])
    await make(marketing)
    with refused("RESOURCE_ALREADY_EXISTS", "template.code"):
        await make(marketing)
