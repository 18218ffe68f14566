"""Pages over the chassis's own tables: newest first by id, the token is the last id seen."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select

from tercet_chassis.errors import PageTokenInvalid
from tercet_chassis.lists import DEFAULT_PAGE, LARGEST_PAGE
from tercet_chassis.transaction import Tx


async def newest_first(
    tx: Tx, query: Select[Any], id_column: Any, page_size: int, page_token: str
) -> tuple[list[Any], str]:
    """The rows of one page and the token of the next; refuses a token that is no id."""
    if page_token:
        try:
            query = query.where(id_column < UUID(page_token))
        except ValueError as bad:
            raise PageTokenInvalid from bad
    size = min(page_size or DEFAULT_PAGE, LARGEST_PAGE)
    rows = list((await tx.session.execute(query.order_by(id_column.desc()).limit(size + 1))).all())
    return rows[:size], str(rows[size - 1].id) if len(rows) > size else ""
