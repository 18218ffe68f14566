"""Queries of the knowledge base."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, cast, delete, func, literal, or_, select, text, true, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_service_desk.knowledge.model import (
    Article,
    ArticleReading,
    ArticleUse,
    ArticleVersion,
    KnowledgeCategory,
    PublishedText,
)
from tercet_service_desk.knowledge.rules import Reader
from tercet_service_desk.knowledge.words import TITLE, all_of, any_of

# However common the words: of so many of the newest that answer, those with most of the words are weighed.
_LOOKED_AT, _WEIGHED, _COUNTED, _ALL = 500, 60, 500, 5_000
_FIND = f"""
SELECT best.id, article_id, version_id, code, language_code, title, category_code, audience, known
FROM (
  SELECT *, ts_rank(words, $7::text::tsquery) AS rank FROM (
    SELECT * FROM fenced.published_texts
    WHERE words @@ $1::text::tsquery AND audience = ANY($2::text[]) AND ($3::text = '' OR language_code = $3)
      AND ($4::text[] IS NULL OR category_code = ANY($4))
      AND ($5::text[] IS NULL OR unit_ids = '[]'::jsonb OR unit_ids ?| $5)
    ORDER BY id DESC LIMIT {_LOOKED_AT}
  ) AS answering ORDER BY rank DESC, id LIMIT {_WEIGHED}
) AS best CROSS JOIN LATERAL (
  SELECT coalesce(array_agg(word), '{{}}') AS known FROM unnest(tsvector_to_array(words)) AS word
  WHERE word = ANY($6::text[])
) AS told
"""
_COUNT = f"""
SELECT word, (SELECT count(*) FROM (
  SELECT 1 FROM fenced.published_texts WHERE words @@ query::tsquery LIMIT {_COUNTED}) AS few) AS articles
FROM unnest($1::text[], $2::text[]) AS asked (word, query)
"""
_TOTAL = f"SELECT count(*) AS articles FROM (SELECT 1 FROM fenced.published_texts LIMIT {_ALL}) AS few"


async def find(
    tx: Tx,
    reader: Reader,
    query: str,
    words: Sequence[str],
    language_code: str = "",
    categories: Collection[str] | None = None,
) -> Sequence[Any]:
    """Published texts that this reader may read and that answer the query, at most sixty, each with the words that it
    knows of those asked, marked ones for its title.
    """
    named = sorted(categories) if categories is not None else None
    units = list(reader.units) if reader.units is not None else None
    asked = [*words, *(TITLE + word for word in words)]
    return await tx.fetch(
        _FIND, query, list(reader.audiences), language_code, named, units, asked, any_of(words) or "''"
    )


async def spread(tx: Tx, words: Sequence[str]) -> tuple[int, dict[str, int]]:
    """How many published texts there are, and in how many each word stands; neither is counted to its end."""
    if not words:
        return 0, {}
    rows = await tx.fetch(_COUNT, list(words), [all_of([word], whole=True) for word in words])
    total = (await tx.fetch(_TOTAL))[0]["articles"]
    return int(total), {row["word"]: int(row["articles"]) for row in rows}


async def bodies(tx: Tx, version_ids: Collection[UUID]) -> dict[UUID, tuple[str, str]]:
    """Summary and text of versions."""
    version = view(ArticleVersion)
    query = select(version.c.id, version.c.summary, version.c.body).where(version.c.id.in_(version_ids))
    return {id: (summary, body) for id, summary, body in (await tx.session.execute(query)).all()}


# -- categories -------------------------------------------------------------------------------------------------------
async def parents(tx: Tx) -> Mapping[str, str]:
    """Every category with the one above it."""
    rows = await tx.session.execute(select(KnowledgeCategory.code, KnowledgeCategory.parent_code))
    return dict(rows.all())


async def category_used(tx: Tx, code: str) -> bool:
    """Whether anything stands below a category."""
    article = select(Article.id).where(Article.category_code == code).limit(1)
    child = select(KnowledgeCategory.id).where(KnowledgeCategory.parent_code == code).limit(1)
    return (await tx.session.scalar(article)) is not None or (await tx.session.scalar(child)) is not None


# -- articles and versions --------------------------------------------------------------------------------------------
def readable(reader: Reader) -> ColumnElement[bool]:
    """Articles of audiences and units of a reader, as a condition on the articles' view."""
    article = view(Article)
    inside: ColumnElement[bool] = article.c.audience.in_(reader.audiences)
    if reader.units is None:
        return inside
    own = article.c.unit_ids.op("?|")(cast(list(reader.units), ARRAY(Text)))
    return inside & or_(article.c.unit_ids == cast(literal("[]", Text), JSONB), own)


async def named_units(tx: Tx) -> Sequence[str]:
    """The units that any article is for."""
    return [row["unit"] for row in await tx.fetch(_NAMED_UNITS)]


_NAMED_UNITS = (
    "SELECT DISTINCT jsonb_array_elements_text(unit_ids) AS unit FROM fenced.articles WHERE unit_ids <> '[]'::jsonb"
)


def due(today: date) -> ColumnElement[bool]:
    """Articles whose review date has come."""
    return view(Article).c.review_date <= today


def versions_of(article_id: UUID) -> ColumnElement[bool]:
    """The versions of one article, as a condition on their view."""
    return view(ArticleVersion).c.article_id == article_id


async def by_code(tx: Tx, code: str) -> Article | None:
    """The article of this name."""
    return (await tx.session.scalars(select(Article).where(Article.code == code))).one_or_none()


async def last_number(tx: Tx, article_id: UUID) -> int:
    """The number of the newest version; 0 when there is none. The caller holds the article."""
    query = select(func.max(ArticleVersion.number)).where(ArticleVersion.article_id == article_id)
    return int(await tx.session.scalar(query) or 0)


async def read_versions(tx: Tx, article_id: UUID, language_code: str = "") -> Sequence[ArticleVersion]:
    """The versions of an article that are read now."""
    query = select(ArticleVersion).where(ArticleVersion.article_id == article_id, ArticleVersion.state == "PUBLISHED")
    if language_code:
        query = query.where(ArticleVersion.language_code == language_code)
    return (await tx.session.scalars(query)).all()


async def withdraw(tx: Tx, article_id: UUID, language_code: str = "") -> None:
    """Takes an article out of search, in one language or in all."""
    query = delete(PublishedText).where(PublishedText.article_id == article_id)
    if language_code:
        query = query.where(PublishedText.language_code == language_code)
    await tx.session.execute(query)


async def move_published(tx: Tx, article: Article) -> None:
    """Search sees the article where it stands now, and for whom."""
    values = {"category_code": article.category_code, "audience": article.audience, "unit_ids": list(article.unit_ids)}
    await tx.session.execute(update(PublishedText).where(PublishedText.article_id == article.id).values(**values))


# -- readings, uses, figures ------------------------------------------------------------------------------------------
async def readings_of(tx: Tx, suggestion_id: UUID) -> dict[UUID, UUID]:
    """What was shown in a writing so far: readings by article."""
    query = select(ArticleReading.article_id, ArticleReading.id).where(ArticleReading.suggestion_id == suggestion_id)
    return dict((await tx.session.execute(query)).all())


async def use_of(tx: Tx, ticket_id: UUID, article_id: UUID) -> ArticleUse | None:
    """How an article was used in a ticket."""
    query = select(ArticleUse).where(ArticleUse.ticket_id == ticket_id, ArticleUse.article_id == article_id)
    return (await tx.session.scalars(query.with_for_update())).one_or_none()


def uses_in(ticket_id: UUID) -> ColumnElement[bool]:
    """The articles used in one ticket, as a condition on the uses' view."""
    return view(ArticleUse).c.ticket_id == ticket_id


_WRITINGS = text(
    "SELECT count(*) AS writings, count(*) FILTER (WHERE s.hit_count > 0) AS suggested,"
    " count(*) FILTER (WHERE r.opened) AS opened, count(*) FILTER (WHERE r.helped) AS helpful,"
    " count(*) FILTER (WHERE s.ticket_id IS NOT NULL) AS tickets,"
    " count(*) FILTER (WHERE r.opened AND NOT r.failed AND s.ticket_id IS NULL) AS deflected "
    "FROM fenced.article_suggestions s LEFT JOIN LATERAL ("
    " SELECT bool_or(open_time IS NOT NULL) AS opened, coalesce(bool_or(helpful), false) AS helped,"
    "  coalesce(bool_or(NOT helpful), false) AS failed"
    " FROM fenced.article_readings WHERE suggestion_id = s.id) r ON true "
    "WHERE s.for_ticket_id IS NULL AND s.create_time >= :since AND s.create_time < :until"
)
_ARTICLES = text(
    "SELECT a.id, a.code, r.*, u.* FROM fenced.articles a "
    "LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE suggestion_id IS NOT NULL) AS suggested,"
    "  count(open_time) AS opened, count(*) FILTER (WHERE helpful) AS helpful,"
    "  count(*) FILTER (WHERE NOT helpful) AS unhelpful"
    " FROM fenced.article_readings WHERE article_id = a.id AND create_time >= :since AND create_time < :until) r "
    "ON true LEFT JOIN LATERAL (SELECT count(*) AS tickets, count(*) FILTER (WHERE kind = 'SOLVED_WITH') AS solved"
    " FROM fenced.article_uses WHERE article_id = a.id AND create_time >= :since AND create_time < :until) u ON true "
    "WHERE r.suggested + r.opened + u.tickets > 0 "
    "ORDER BY u.solved DESC, u.tickets DESC, r.helpful DESC, r.opened DESC, a.code LIMIT :most"
)


async def figures(tx: Tx, since: datetime, until: datetime, most: int) -> tuple[Any, Sequence[Any]]:
    """What writings came to in a time, and the articles behind it."""
    between = {"since": since, "until": until}
    writings = (await tx.session.execute(_WRITINGS, between)).one()
    return writings, (await tx.session.execute(_ARTICLES, {**between, "most": most})).all()


_NOT_READ_ONCE = text(
    "SELECT v.article_id, v.language_code FROM fenced.article_versions v "
    "FULL JOIN fenced.published_texts p ON p.version_id = v.id "
    "WHERE (v.state = 'PUBLISHED') IS DISTINCT FROM (p.id IS NOT NULL) LIMIT 20"
)


async def not_read_once(tx: Tx) -> tuple[int, list[str]]:
    """How many texts can be read, and those that search and history disagree about."""
    total = await tx.session.scalar(select(func.count()).select_from(view(PublishedText)).where(true()))
    rows = (await tx.session.execute(_NOT_READ_ONCE)).all()
    return int(total or 0), [f"article {row.article_id} ({row.language_code})" for row in rows]
