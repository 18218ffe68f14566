"""Templates: checked when they are kept, shown before they are sent."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from google.protobuf.message import Message

from tercet.marketing.v1 import template_service_pb2 as pb
from tercet_chassis import Handlers, Tx
from tercet_chassis.binding import struct_value
from tercet_chassis.principal import hides
from tercet_marketing.profiles import store as profiles
from tercet_marketing.profiles.model import Profile
from tercet_marketing.templates import store
from tercet_marketing.templates.customers import customer_values
from tercet_marketing.templates.model import Template, TemplateVersion

_TEXTS = frozenset({"code", "default_language", "missing", "variables", "bodies"})


class TemplateService(Handlers):
    """Serves tercet.marketing.v1.TemplateService."""

    async def CreateTemplate(self, request: pb.CreateTemplateRequest, tx: Tx) -> Template:
        """Adds a template. Refuses bodies that do not parse."""
        template = await tx.create(Template, request.template)
        _new_version(tx, template)
        return template

    async def UpdateTemplate(self, request: pb.UpdateTemplateRequest, tx: Tx) -> Template:
        """Changes a template; other texts are a new version. Refuses bodies that do not parse."""
        template = await tx.get(Template, request.template.id, etag=request.template.etag, lock=True)
        before = {name: getattr(template, name) for name in _TEXTS}
        await tx.patch(template, request.template, request.update_mask)
        if any(getattr(template, name) != value for name, value in before.items()):
            _new_version(tx, template)
        return template

    async def ListTemplateVersions(
        self, request: pb.ListTemplateVersionsRequest, tx: Tx
    ) -> pb.ListTemplateVersionsResponse:
        """The versions of a template, newest first."""
        template = await tx.get(Template, request.template_id)
        where = [store.versions_of(template.id)]
        answer = await tx.page(TemplateVersion, request, response=pb.ListTemplateVersionsResponse, where=where)
        return cast(pb.ListTemplateVersionsResponse, answer)

    async def PreviewTemplate(self, request: pb.PreviewTemplateRequest, tx: Tx) -> Message:
        """The texts as a customer would get them. Refuses what a send would refuse, but for missing variables."""
        template = await tx.get(Template, request.id)
        values = {each["code"]: each.get("example", "") for each in template.variables}
        values |= struct_value(request.variables)
        language = request.language
        if request.identity_id:
            profile = await profiles.profile_of(tx, UUID(request.identity_id))
            # Whoever may not see the customer must not see them through a template either.
            seen = None if profile is None else await tx.find(Profile, profile.id)
            if seen is not None:
                values["customer"] = customer_values(seen)
                if hides(tx.principal.masks, "NAME"):
                    del values["customer"]["name"]
        values |= {name: f"https://example.com/{name}" for name in ("unsubscribe_url", "preferences_url")}
        source = (await store.current_version(tx, template)).source()
        made = source.render(request.channel_code, language or template.default_language, values, lenient=True)
        return pb.PreviewTemplateResponse(
            language=made.language,
            subject=made.subject,
            text=made.text,
            html=made.html,
            short_text=made.short_text,
            missing_variables=made.missing,
        )


def _new_version(tx: Tx, template: Template) -> None:
    template.write()
    tx.add(
        TemplateVersion(
            template_id=template.id,
            code=template.code,
            version=template.version,
            default_language=template.default_language,
            missing=template.missing or "REFUSE",
            variables=list(template.variables or []),
            bodies=list(template.bodies),
        )
    )
