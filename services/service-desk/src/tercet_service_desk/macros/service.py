"""Macros: checked when they are kept, shown before they are applied, applied whole or not at all."""

from __future__ import annotations

from tercet.servicedesk.v1 import events_pb2 as events
from tercet.servicedesk.v1 import macro_service_pb2 as pb
from tercet_chassis import Handlers, Tx
from tercet_service_desk.agents.holding import hold
from tercet_service_desk.macros import store
from tercet_service_desk.macros.errors import MacroNotAllowed, MacroNotFound, MacroRetired
from tercet_service_desk.macros.model import PERMISSIONS, Macro
from tercet_service_desk.macros.rules import filled
from tercet_service_desk.tickets.conversation import add_note, add_reply, solve
from tercet_service_desk.tickets.jobs import watch
from tercet_service_desk.tickets.model import Ticket
from tercet_service_desk.tickets.moving import move
from tercet_service_desk.tickets.outgoing import send_out
from tercet_service_desk.tickets.promises import check_type, promises_of


class MacroService(Handlers):
    """Serves tercet.servicedesk.v1.MacroService."""

    async def CreateMacro(self, request: pb.CreateMacroRequest, tx: Tx) -> Macro:
        """Adds a macro. Refuses one that does nothing or names what a ticket has not."""
        macro = await tx.create(Macro, request.macro)
        macro.check()
        return macro

    async def UpdateMacro(self, request: pb.UpdateMacroRequest, tx: Tx) -> Macro:
        """Changes a macro, with the same refusals."""
        macro = await tx.get(Macro, request.macro.id, etag=request.macro.etag, lock=True)
        await tx.patch(macro, request.macro, request.update_mask if request.HasField("update_mask") else None)
        macro.check()
        return macro

    async def PreviewMacro(self, request: pb.PreviewMacroRequest, tx: Tx) -> pb.MacroPreview:
        """What it would do; nothing is done."""
        ticket, macro = await tx.get(Ticket, request.ticket_id), await _macro(tx, request.macro_code)
        return pb.MacroPreview(
            reply_text=filled(macro.reply_text, ticket),
            note_text=filled(macro.note_text, ticket),
            resolution=filled(macro.resolution, ticket),
            steps=macro.steps,
            forbidden_steps=await _forbidden(tx, ticket, macro),
        )

    async def ApplyMacro(self, request: pb.ApplyMacroRequest, tx: Tx) -> Ticket:
        """Does it all in this one transaction. Refuses what the caller may not do by hand."""
        ticket = await tx.get(Ticket, request.ticket_id, etag=request.etag, lock=True)
        macro = await _macro(tx, request.macro_code)
        forbidden = await _forbidden(tx, ticket, macro)
        if forbidden:
            raise MacroNotAllowed(code=macro.code, steps=", ".join(forbidden))
        # Texts tell of the ticket as the agent sees it, not as the macro leaves it.
        reply, note, resolution = (
            filled(each, ticket) for each in (macro.reply_text, macro.note_text, macro.resolution)
        )
        await _change(tx, ticket, macro)
        if macro.stage_code:
            await move(tx, ticket, macro.stage_code, resolution)
        if note:
            await add_note(tx, ticket, note)
        if reply:
            entry = await add_reply(tx, ticket, reply, tx.now(), from_requester=False, pending=macro.pending)
            await send_out(tx, ticket, entry)
        if macro.solve:
            await solve(tx, ticket, resolution)
        return ticket


async def _change(tx: Tx, ticket: Ticket, macro: Macro) -> None:
    promises = await promises_of(tx, ticket)
    if macro.type_code or macro.priority:
        ticket.changeable()
        ticket.type_code, ticket.priority = macro.type_code or ticket.type_code, macro.priority or ticket.priority
        if macro.type_code:
            check_type(promises)
        tx.emit(events.TicketUpdated, ticket)
    user_id = tx.principal.user_id
    if macro.assign_to_me and user_id is not None:
        ticket.assign(user_id, None, tx.now())
        await hold(tx, ticket.id, user_id, (ticket.type_code, ticket.priority))
        tx.emit(events.TicketAssigned, ticket)
    watch(tx, promises)


async def _macro(tx: Tx, code: str) -> Macro:
    macro = await store.by_code(tx, code)
    if macro is None:
        raise MacroNotFound(code=code)
    if macro.retired:
        raise MacroRetired(code=code)
    return macro


async def _forbidden(tx: Tx, ticket: Ticket, macro: Macro) -> list[str]:
    return [step for step in macro.steps if not await store.may(tx, ticket, PERMISSIONS[step])]
