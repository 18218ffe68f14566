"""Search, suggestions, opening and voting, for staff and for readers who are not signed in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from tercet.servicedesk.v1 import knowledge_service_pb2 as pb
from tercet_chassis import Tx, new_id
from tercet_service_desk.knowledge import store
from tercet_service_desk.knowledge.errors import ArticleNotFound, ReadingNotFound, SuggestionNotFound
from tercet_service_desk.knowledge.model import Article, ArticleReading, ArticleSuggestion
from tercet_service_desk.knowledge.rules import Rarity, Reader, audiences_up_to, below, one_language_each, ranked
from tercet_service_desk.knowledge.words import all_of, any_of, asked_words, snippet, telling_words

ANYBODY = Reader(audiences_up_to("PUBLIC"), ())
_SEARCHED, _SUGGESTED = 20, 5


async def staff(tx: Tx, audience: str = "") -> Reader:
    """The caller as a reader; `audience` narrows to what others may read. An article for a unit is read there and
    below.
    """
    audiences = audiences_up_to(audience or "AGENTS")
    held = tx.principal.scopes(tx.context.permission)
    if "all" in held or tx.principal.is_system:
        return Reader(audiences, None)
    own = {*tx.principal.unit_ids, *([tx.principal.unit_id] if tx.principal.unit_id else [])}
    units = {above for unit in own for above in await tx.known.unit_line(unit)}
    seen = set(map(str, units))
    if "unit_below" in held:
        # What is only for a unit below is theirs to look after.
        seen |= {unit for unit in await store.named_units(tx) if await tx.known.may_act_for(UUID(unit))}
    return Reader(audiences, tuple(sorted(seen)))


async def search(tx: Tx, reader: Reader, request: pb.SearchArticlesRequest) -> pb.SearchArticlesResponse:
    """Articles with all words, best first; without any, those with most of them."""
    words = asked_words(request.q)
    if not words:
        return pb.SearchArticlesResponse()
    categories = below(await store.parents(tx), request.category_code) if request.category_code else None
    most = request.page_size or _SEARCHED
    rarity = Rarity(*await store.spread(tx, words))

    async def rows_of(query: str, by: Sequence[str]) -> Sequence[Any]:
        return await store.find(tx, reader, query, by, request.language_code, categories) if query else ()

    rows = await rows_of(all_of(words, title=True), words)
    if len(rows) < most:
        titled = {row["id"] for row in rows}
        rows = [*rows, *(row for row in await rows_of(all_of(words), words) if row["id"] not in titled)]
    relaxed = not rows and len(words) > 1
    if relaxed:
        chosen = rarity.choice(words)
        rows = await rows_of(any_of(chosen), chosen)
    hits = await _hits(tx, rows, words, rarity, most)
    return pb.SearchArticlesResponse(hits=hits, relaxed=relaxed and bool(hits))


async def suggest(
    tx: Tx,
    reader: Reader,
    texts: Sequence[str],
    *,
    language_code: str,
    most: int,
    suggestion_id: str,
    for_ticket_id: UUID | None = None,
) -> pb.SuggestArticlesResponse:
    """Articles about what is written, best first, noted as shown. Refuses a suggestion that is not there."""
    words = telling_words(texts)
    rarity = Rarity(*await store.spread(tx, words))
    chosen = rarity.choice(words)
    rows = await store.find(tx, reader, any_of(chosen), words, language_code) if chosen else ()
    hits = await _hits(tx, rows, words, rarity, most or _SUGGESTED)
    suggestion = await _writing(tx, reader, suggestion_id, for_ticket_id)
    suggestion.hit_count = max(suggestion.hit_count or 0, len(hits))
    known = await store.readings_of(tx, suggestion.id) if suggestion_id else {}
    fresh = []
    for hit in hits:
        article_id = UUID(hit.article_id)
        if article_id not in known:
            known[article_id] = new_id()
            shown = {"id": known[article_id], "suggestion_id": suggestion.id, "article_id": article_id}
            fresh.append({**shown, "version_id": UUID(hit.version_id), "audience": suggestion.audience})
        hit.reading_id = str(known[article_id])
    # Each pause while somebody writes comes here: in one statement, and without an audit row for what was merely shown.
    tx.stage(ArticleReading, fresh)
    return pb.SuggestArticlesResponse(suggestion_id=str(suggestion.id), hits=hits)


async def _writing(tx: Tx, reader: Reader, id: str, for_ticket_id: UUID | None) -> ArticleSuggestion:
    audience = reader.audiences[-1]
    if not id:
        return tx.add(ArticleSuggestion(audience=audience, for_ticket_id=for_ticket_id, hit_count=0))
    known = await tx.find(ArticleSuggestion, id, lock=True)
    if known is None or known.audience not in reader.audiences:
        raise SuggestionNotFound()
    return known


async def _hits(tx: Tx, rows: Sequence[Any], words: Sequence[str], rarity: Rarity, most: int) -> list[pb.ArticleHit]:
    best = one_language_each(ranked(rows, words, rarity), most)
    texts = await store.bodies(tx, [row["version_id"] for _, row in best])
    hits = []
    for score, row in best:
        summary, body = texts.get(row["version_id"], ("", ""))
        hits.append(
            pb.ArticleHit(
                article_id=str(row["article_id"]),
                code=row["code"],
                language_code=row["language_code"],
                version_id=str(row["version_id"]),
                title=row["title"],
                snippet=snippet(body or summary, words),
                score=round(score, 4),
                category_code=row["category_code"],
                audience=row["audience"],
            )
        )
    return hits


async def open_article(tx: Tx, reader: Reader, request: pb.OpenArticleRequest) -> pb.OpenedArticle:
    """The published text in the reader's language or in the article's own. Refuses what this reader may not read."""
    article = await store.by_code(tx, request.code)
    if article is None or not may_read(reader, article):
        raise ArticleNotFound(code=request.code)
    published = {version.language_code: version for version in await store.read_versions(tx, article.id)}
    wanted = request.language_code
    version = published.get(wanted) or published.get(wanted.split("-")[0]) or published.get(article.language_code)
    version = version or next((published[code] for code in sorted(published)), None)
    if version is None:
        raise ArticleNotFound(code=request.code)
    reading = await tx.find(ArticleReading, request.reading_id, lock=True) if request.reading_id else None
    if reading is None or reading.article_id != article.id or reading.audience not in reader.audiences:
        reading = tx.add(ArticleReading(article_id=article.id, version_id=version.id, audience=reader.audiences[-1]))
    reading.open_time, reading.version_id = reading.open_time or tx.now(), version.id
    answer = pb.OpenedArticle(
        article_id=str(article.id),
        version_id=str(version.id),
        language_code=version.language_code,
        published_languages=sorted(published),
        title=version.title,
        summary=version.summary,
        body=version.body,
        reading_id=str(reading.id),
    )
    if version.publish_time is not None:
        answer.publish_time.FromDatetime(version.publish_time)
    return answer


def may_read(reader: Reader, article: Article) -> bool:
    """Whether an article is for this reader."""
    return article.audience in reader.audiences and reader.sees_units([str(unit) for unit in article.unit_ids])


async def rate(tx: Tx, reader: Reader, request: pb.RateArticleRequest) -> None:
    """Notes a vote; a later one replaces it. Refuses a reading that is not this reader's kind."""
    reading = await tx.find(ArticleReading, request.id, lock=True)
    if reading is None or reading.audience not in reader.audiences:
        raise ReadingNotFound()
    reading.helpful, reading.open_time = request.helpful, reading.open_time or tx.now()
