"""RPCs of the knowledge base beyond the free ones."""

from __future__ import annotations

from datetime import UTC
from uuid import UUID

from google.protobuf.empty_pb2 import Empty

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.servicedesk.v1 import article_service_pb2 as articles_pb
from tercet.servicedesk.v1 import knowledge_category_service_pb2 as categories_pb
from tercet.servicedesk.v1 import knowledge_service_pb2 as pb
from tercet_chassis import Handlers, Tx, invariant
from tercet_chassis.errors import ResourceNotFound, Violation
from tercet_chassis.invariants import finding
from tercet_service_desk.knowledge import publishing, reading, store
from tercet_service_desk.knowledge.errors import (
    ArticleUnitOutOfReach,
    KnowledgeCategoryCircle,
    KnowledgeCategoryInUse,
    KnowledgeCategoryNotFound,
    SuggestionNotFound,
    TextOrTicketNeeded,
)
from tercet_service_desk.knowledge.model import (
    Article,
    ArticleSuggestion,
    ArticleUse,
    ArticleVersion,
    KnowledgeCategory,
)
from tercet_service_desk.knowledge.rules import below
from tercet_service_desk.tickets.model import Ticket

Finding = CheckInvariantsResponse.Finding
_ARTICLES_TOLD = 20


class KnowledgeCategoryService(Handlers):
    """Serves tercet.servicedesk.v1.KnowledgeCategoryService."""

    async def CreateKnowledgeCategory(
        self, request: categories_pb.CreateKnowledgeCategoryRequest, tx: Tx
    ) -> KnowledgeCategory:
        """Adds a category. Refuses a parent that is not there."""
        category = await tx.create(KnowledgeCategory, request.knowledge_category)
        await _check_category(tx, category.parent_code or "", "knowledge_category.parent_code")
        return category

    async def UpdateKnowledgeCategory(
        self, request: categories_pb.UpdateKnowledgeCategoryRequest, tx: Tx
    ) -> KnowledgeCategory:
        """Changes a category. Refuses a parent that is not there or stands below it."""
        wanted = request.knowledge_category
        category = await tx.get(KnowledgeCategory, wanted.id, etag=wanted.etag, lock=True)
        await tx.patch(category, wanted, request.update_mask if request.HasField("update_mask") else None)
        await _check_category(tx, category.parent_code, "knowledge_category.parent_code")
        if category.parent_code in below(await store.parents(tx), category.code):
            raise KnowledgeCategoryCircle(code=category.code)
        return category

    async def DeleteKnowledgeCategory(self, request: categories_pb.DeleteKnowledgeCategoryRequest, tx: Tx) -> Empty:
        """Deletes a category. Refuses one with something below it."""
        category = await tx.get(KnowledgeCategory, request.id, etag=request.etag, lock=True)
        if await store.category_used(tx, category.code):
            raise KnowledgeCategoryInUse(code=category.code)
        await tx.delete(category)
        return Empty()


class ArticleService(Handlers):
    """Serves tercet.servicedesk.v1.ArticleService."""

    async def CreateArticle(self, request: articles_pb.CreateArticleRequest, tx: Tx) -> Article:
        """Adds an article. Refuses a category that is not there and units that the caller may not act for."""
        article = await tx.create(Article, request.article)
        article.editor_id = article.editor_id or tx.principal.user_id
        await _check_article(tx, article, ())
        return article

    async def GetArticle(self, request: articles_pb.GetArticleRequest, tx: Tx) -> Article:
        """One article that is for the caller."""
        return await _article(tx, request.id)

    async def ListArticles(self, request: articles_pb.ListArticlesRequest, tx: Tx) -> articles_pb.ListArticlesResponse:
        """Articles that are for the caller; with `due` those whose review date has come."""
        where = [store.readable(await reading.staff(tx))]
        if request.due:
            where.append(store.due(publishing.today(tx)))
        answer = await tx.page(Article, request, response=articles_pb.ListArticlesResponse, where=where)
        assert isinstance(answer, articles_pb.ListArticlesResponse)
        return answer

    async def UpdateArticle(self, request: articles_pb.UpdateArticleRequest, tx: Tx) -> Article:
        """Changes where an article stands and for whom; with the refusals of CreateArticle."""
        article = await _article(tx, request.article.id, etag=request.article.etag, lock=True)
        before = tuple(article.unit_ids)
        await tx.patch(article, request.article, request.update_mask if request.HasField("update_mask") else None)
        await _check_article(tx, article, before)
        if article.state == "PUBLISHED":
            article.plan_review(article.review_time.date() if article.review_time else None)
        await tx.flush()
        await store.move_published(tx, article)
        return article

    async def ReviewArticle(self, request: articles_pb.ReviewArticleRequest, tx: Tx) -> Article:
        """Confirms that an article still holds."""
        article = await _article(tx, request.id, etag=request.etag, lock=True)
        article.reviewed(tx.now(), publishing.today(tx))
        return article

    async def ArchiveArticle(self, request: articles_pb.ArchiveArticleRequest, tx: Tx) -> Article:
        """Takes an article out of reach in all languages."""
        article = await _article(tx, request.id, etag=request.etag, lock=True)
        await publishing.archive(tx, article)
        return article

    async def CreateArticleVersion(self, request: articles_pb.CreateArticleVersionRequest, tx: Tx) -> ArticleVersion:
        """Begins a draft."""
        article = await _article(tx, request.article_version.article_id, lock=True)
        version = await tx.create(ArticleVersion, request.article_version)
        return await _begun(tx, article, version)

    async def GetArticleVersion(self, request: articles_pb.GetArticleVersionRequest, tx: Tx) -> ArticleVersion:
        """One version of an article that is for the caller."""
        version = await tx.get(ArticleVersion, request.id)
        await _article(tx, str(version.article_id))
        return version

    async def ListArticleVersions(
        self, request: articles_pb.ListArticleVersionsRequest, tx: Tx
    ) -> articles_pb.ListArticleVersionsResponse:
        """The history of an article that is for the caller."""
        article = await _article(tx, request.article_id)
        request.order_by = request.order_by or "number desc"
        where = [store.versions_of(article.id)]
        answer = await tx.page(ArticleVersion, request, response=articles_pb.ListArticleVersionsResponse, where=where)
        assert isinstance(answer, articles_pb.ListArticleVersionsResponse)
        return answer

    async def UpdateArticleVersion(self, request: articles_pb.UpdateArticleVersionRequest, tx: Tx) -> ArticleVersion:
        """Changes a draft. Refuses a version that was handed in."""
        wanted = request.article_version
        _, version = await _held(tx, wanted.id, wanted.etag)
        version.check_draft()
        await tx.patch(version, wanted, request.update_mask if request.HasField("update_mask") else None)
        return version

    async def SubmitArticleVersion(self, request: articles_pb.SubmitArticleVersionRequest, tx: Tx) -> ArticleVersion:
        """Hands a draft in."""
        _, version = await _held(tx, request.id, request.etag)
        version.submit(tx.now())
        return version

    async def ReturnArticleVersion(self, request: articles_pb.ReturnArticleVersionRequest, tx: Tx) -> ArticleVersion:
        """Gives a version back to its author."""
        _, version = await _held(tx, request.id, request.etag)
        version.give_back(tx.principal.user_id, request.reason)
        return version

    async def PublishArticleVersion(self, request: articles_pb.PublishArticleVersionRequest, tx: Tx) -> ArticleVersion:
        """Publishes a version that is in review."""
        article, version = await _held(tx, request.id, request.etag)
        await publishing.publish(tx, article, version)
        return version

    async def RestoreArticleVersion(self, request: articles_pb.RestoreArticleVersionRequest, tx: Tx) -> ArticleVersion:
        """Begins a draft with the text of an earlier version."""
        article, former = await _held(tx, request.id, request.etag)
        version = tx.add(
            ArticleVersion(
                article_id=article.id,
                language_code=former.language_code,
                title=former.title,
                summary=former.summary,
                body=former.body,
                keywords=list(former.keywords),
                restored_number=former.number,
            )
        )
        return await _begun(tx, article, version)


class KnowledgeService(Handlers):
    """Serves tercet.servicedesk.v1.KnowledgeService."""

    async def SearchArticles(self, request: pb.SearchArticlesRequest, tx: Tx) -> pb.SearchArticlesResponse:
        """Finds articles for staff."""
        return await reading.search(tx, await reading.staff(tx, _audience(request.audience)), request)

    async def SuggestArticles(self, request: pb.SuggestArticlesRequest, tx: Tx) -> pb.SuggestArticlesResponse:
        """Suggests articles for a text or a ticket. Refuses a request with neither."""
        texts, ticket = [request.text], None
        if request.ticket_id:
            ticket = await tx.get(Ticket, request.ticket_id)
            texts = [ticket.subject, request.text, ticket.description]
        if not any(text.strip() for text in texts):
            raise TextOrTicketNeeded()
        return await reading.suggest(
            tx,
            await reading.staff(tx, _audience(request.audience)),
            texts,
            language_code=request.language_code,
            most=request.page_size,
            suggestion_id=request.suggestion_id,
            for_ticket_id=ticket.id if ticket else None,
        )

    async def OpenArticle(self, request: pb.OpenArticleRequest, tx: Tx) -> pb.OpenedArticle:
        """Opens an article for staff."""
        return await reading.open_article(tx, await reading.staff(tx), request)

    async def RateArticle(self, request: pb.RateArticleRequest, tx: Tx) -> pb.RateArticleResponse:
        """Notes a vote."""
        await reading.rate(tx, await reading.staff(tx), request)
        return pb.RateArticleResponse()

    async def SearchHelp(self, request: pb.SearchArticlesRequest, tx: Tx) -> pb.SearchArticlesResponse:
        """Finds public articles."""
        return await reading.search(tx, reading.ANYBODY, request)

    async def SuggestHelp(self, request: pb.SuggestHelpRequest, tx: Tx) -> pb.SuggestArticlesResponse:
        """Suggests public articles."""
        return await reading.suggest(
            tx,
            reading.ANYBODY,
            [request.text],
            language_code=request.language_code,
            most=request.page_size,
            suggestion_id=request.suggestion_id,
        )

    async def OpenHelp(self, request: pb.OpenArticleRequest, tx: Tx) -> pb.OpenedArticle:
        """Opens a public article."""
        return await reading.open_article(tx, reading.ANYBODY, request)

    async def RateHelp(self, request: pb.RateArticleRequest, tx: Tx) -> pb.RateArticleResponse:
        """Notes a vote about a public article."""
        await reading.rate(tx, reading.ANYBODY, request)
        return pb.RateArticleResponse()

    async def EndSuggestionInTicket(
        self, request: pb.EndSuggestionInTicketRequest, tx: Tx
    ) -> pb.EndSuggestionInTicketResponse:
        """Records that a writing ended in a ticket. Refuses a suggestion that is not there."""
        ticket = await tx.get(Ticket, request.ticket_id)
        suggestion = await tx.find(ArticleSuggestion, request.id, lock=True)
        if suggestion is None:
            raise SuggestionNotFound()
        suggestion.ticket_id = suggestion.ticket_id or ticket.id
        return pb.EndSuggestionInTicketResponse()

    async def UseArticle(self, request: pb.UseArticleRequest, tx: Tx) -> ArticleUse:
        """Records that an article was used in a ticket, once."""
        # The ticket's row is the lock: two clicks at once are one use.
        ticket = await tx.get(Ticket, request.ticket_id, lock=True)
        article = await _article(tx, request.article_id)
        kind = pb.ArticleUse.Kind.Name(request.kind)
        use = await store.use_of(tx, ticket.id, article.id)
        if use is None:
            user = tx.principal.user_id
            return tx.add(ArticleUse(article_id=article.id, ticket_id=ticket.id, kind=kind, user_id=user))
        use.used(kind, tx.principal.user_id)
        return use

    async def ListArticleUses(self, request: pb.ListArticleUsesRequest, tx: Tx) -> pb.ListArticleUsesResponse:
        """The articles used in a ticket that the caller may see."""
        ticket = await tx.get(Ticket, request.ticket_id)
        where = [store.uses_in(ticket.id)]
        answer = await tx.page(ArticleUse, request, response=pb.ListArticleUsesResponse, where=where)
        assert isinstance(answer, pb.ListArticleUsesResponse)
        return answer

    async def GetKnowledgeFigures(self, request: pb.GetKnowledgeFiguresRequest, tx: Tx) -> pb.KnowledgeFigures:
        """What the knowledge base did in a time."""
        since = request.from_time.ToDatetime(tzinfo=UTC)
        until = request.to_time.ToDatetime(tzinfo=UTC) if request.HasField("to_time") else tx.now()
        all_, articles = await store.figures(tx, since, until, request.page_size or _ARTICLES_TOLD)
        answer = pb.KnowledgeFigures(
            writing_count=all_.writings,
            suggested_count=all_.suggested,
            opened_count=all_.opened,
            helpful_count=all_.helpful,
            ticket_count=all_.tickets,
            deflected_count=all_.deflected,
        )
        for row in articles:
            answer.articles.add(
                article_id=str(row.id),
                code=row.code,
                suggested_count=row.suggested,
                opened_count=row.opened,
                helpful_count=row.helpful,
                unhelpful_count=row.unhelpful,
                ticket_count=row.tickets,
                solved_count=row.solved,
            )
        return answer


def _audience(number: articles_pb.Article.Audience) -> str:
    return articles_pb.Article.Audience.Name(number) if number else ""


async def _article(tx: Tx, id: str, *, etag: str = "", lock: bool = False) -> Article:
    """The article, if it is for the caller; refused as not there otherwise."""
    article = await tx.get(Article, id, etag=etag, lock=lock)
    if not reading.may_read(await reading.staff(tx), article):
        raise ResourceNotFound(type="Article", id=id)
    return article


async def _held(tx: Tx, version_id: str, etag: str) -> tuple[Article, ArticleVersion]:
    """A version with its article, which is held: two cannot be published at once."""
    version = await tx.get(ArticleVersion, version_id)
    article = await _article(tx, str(version.article_id), lock=True)
    return article, await tx.get(ArticleVersion, version_id, etag=etag, lock=True)


async def _begun(tx: Tx, article: Article, version: ArticleVersion) -> ArticleVersion:
    with tx.session.no_autoflush:
        version.number = await store.last_number(tx, article.id) + 1
    version.author_id = tx.principal.user_id
    return version


async def _check_category(tx: Tx, code: str, field: str) -> None:
    if code and code not in await store.parents(tx):
        told = f"There is no category {code}."
        raise KnowledgeCategoryNotFound(code=code, violations=[Violation(field, "NOT_FOUND", told)])


async def _check_article(tx: Tx, article: Article, before: tuple[str, ...]) -> None:
    await _check_category(tx, article.category_code or "", "article.category_code")
    for unit in article.unit_ids or ():
        if unit not in before and not await tx.known.may_act_for(UUID(unit)):
            raise ArticleUnitOutOfReach(unit_id=unit)


@invariant
async def published_once(tx: Tx) -> Finding:
    """What search finds is what is published, once a language."""
    total, broken = await store.not_read_once(tx)
    return finding("knowledge.published_once", total, broken)
