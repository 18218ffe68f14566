"""Articles on the real service: versions, languages, audiences, search, suggestions, uses and figures."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from tercet.chassis.v1 import maintenance_service_pb2 as checking
from tercet.servicedesk.v1 import article_service_pb2 as articles
from tercet.servicedesk.v1 import knowledge_category_service_pb2 as categories
from tercet.servicedesk.v1 import knowledge_service_pb2 as pb
from tercet.servicedesk.v1 import ticket_service_pb2 as tickets
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused

PUBLIC, CUSTOMERS, AGENTS = (articles.Article.Audience.Value(name) for name in ("PUBLIC", "CUSTOMERS", "AGENTS"))
DRAFT, IN_REVIEW, PUBLISHED, ARCHIVED = (
    articles.ArticleVersion.State.Value(name) for name in ("DRAFT", "IN_REVIEW", "PUBLISHED", "ARCHIVED")
)
READ = "service-desk.article.read"


async def article(desk: Client, code: str, **values: Any) -> articles.Article:
    values = {"audience": PUBLIC, "language_code": "zh", **values}
    request = articles.CreateArticleRequest(article=articles.Article(code=code, **values))
    made: articles.Article = await desk.CreateArticle(request)
    return made


async def drafted(
    desk: Client, of: articles.Article, title: str, body: str = "", **values: Any
) -> articles.ArticleVersion:
    values = {"language_code": "zh", **values}
    version = articles.ArticleVersion(article_id=of.id, title=title, body=body, **values)
    made: articles.ArticleVersion = await desk.CreateArticleVersion(
        articles.CreateArticleVersionRequest(article_version=version)
    )
    return made


async def publish(desk: Client, version: articles.ArticleVersion) -> articles.ArticleVersion:
    await desk.SubmitArticleVersion(articles.SubmitArticleVersionRequest(id=version.id))
    done: articles.ArticleVersion = await desk.PublishArticleVersion(
        articles.PublishArticleVersionRequest(id=version.id)
    )
    return done


async def published(
    desk: Client, code: str, title: str, body: str = "", *, of: dict[str, Any] | None = None, **values: Any
) -> articles.Article:
    made = await article(desk, code, **(of or {}))
    await publish(desk, await drafted(desk, made, title, body, **values))
    return made


async def found(desk: Client, q: str, **values: Any) -> list[str]:
    """What has all the words."""
    answer = await desk.SearchArticles(pb.SearchArticlesRequest(q=q, **values))
    return [] if answer.relaxed else [hit.code for hit in answer.hits]


async def version(desk: Client, id: str) -> articles.ArticleVersion:
    answer: articles.ArticleVersion = await desk.GetArticleVersion(articles.GetArticleVersionRequest(id=id))
    return answer


async def sound(desk: Client) -> None:
    answer = await desk.CheckInvariants(checking.CheckInvariantsRequest())
    (ours,) = (finding for finding in answer.findings if finding.invariant == "knowledge.published_once")
    assert ours.holds


async def test_version_goes_from_draft_over_review_to_published_and_pins_its_text(service_desk: Client) -> None:
    made = await article(service_desk, "battery")
    first = await drafted(service_desk, made, "电池无法充电", "先检查充电线。")
    assert (first.state, first.number) == (DRAFT, 1)
    assert not await found(service_desk, "电池")
    with refused("ARTICLE_VERSION_NOT_IN_REVIEW"):
        await service_desk.PublishArticleVersion(articles.PublishArticleVersionRequest(id=first.id))
    await service_desk.SubmitArticleVersion(articles.SubmitArticleVersionRequest(id=first.id))
    change = articles.UpdateArticleVersionRequest(article_version=articles.ArticleVersion(id=first.id, title="x"))
    change.update_mask.paths.append("title")
    with refused("ARTICLE_VERSION_FIXED"):
        await service_desk.UpdateArticleVersion(change)
    back = await service_desk.ReturnArticleVersion(
        articles.ReturnArticleVersionRequest(id=first.id, reason="请补充图片")
    )
    assert (back.state, back.return_reason) == (DRAFT, "请补充图片")
    change.article_version.title = "电池充不进电"
    await service_desk.UpdateArticleVersion(change)
    await publish(service_desk, first)
    assert await found(service_desk, "充不进电") == ["battery"]
    second = await drafted(service_desk, made, "电池充电慢", "换一根线。")
    assert await found(service_desk, "充电慢") == []
    await publish(service_desk, second)
    assert await found(service_desk, "充不进电") == []
    assert await found(service_desk, "充电慢") == ["battery"]
    assert (await version(service_desk, first.id)).state == ARCHIVED
    restored = await service_desk.RestoreArticleVersion(articles.RestoreArticleVersionRequest(id=first.id))
    assert (restored.state, restored.number, restored.restored_number, restored.title) == (DRAFT, 3, 1, "电池充不进电")
    history = await service_desk.ListArticleVersions(articles.ListArticleVersionsRequest(article_id=made.id))
    assert [(one.number, one.state) for one in history.article_versions] == [(3, DRAFT), (2, PUBLISHED), (1, ARCHIVED)]
    await sound(service_desk)


async def test_two_published_at_once_leave_one(service_desk: Client) -> None:
    made = await article(service_desk, "once")
    drafts = [await drafted(service_desk, made, f"标题{at}") for at in range(4)]
    await asyncio.gather(*(publish(service_desk, one) for one in drafts))
    history = await service_desk.ListArticleVersions(articles.ListArticleVersionsRequest(article_id=made.id))
    assert [one.state for one in history.article_versions].count(PUBLISHED) == 1
    assert len(await found(service_desk, "标题")) == 1
    await sound(service_desk)


async def test_translations_stand_side_by_side_and_the_readers_language_comes_first(service_desk: Client) -> None:
    made = await published(service_desk, "returns", "退货政策", "七天无理由退货。")
    await publish(service_desk, await drafted(service_desk, made, "Return policy", "Seven days.", language_code="en"))
    for asked, given in (("en", "en"), ("en-GB", "en"), ("zh", "zh"), ("fr", "zh"), ("", "zh")):
        opened = await service_desk.OpenArticle(pb.OpenArticleRequest(code="returns", language_code=asked))
        assert opened.language_code == given
    assert list(opened.published_languages) == ["en", "zh"]
    assert await found(service_desk, "policy") == ["returns"]
    assert await found(service_desk, "policy", language_code="zh") == []
    assert (await service_desk.GetArticle(articles.GetArticleRequest(id=made.id))).published_languages == ["en", "zh"]


async def test_search_finds_in_chinese_and_latin_and_titles_come_first(service_desk: Client) -> None:
    await published(service_desk, "a", "空調保養", "每年清洗一次濾網,制冷效果更好。")
    await published(service_desk, "b", "保修范围", "空调的压缩机保修六年,滤网不保。")
    await published(service_desk, "c", "Cleaning the filter of your AirPro 300", "Switch it off first.")
    assert await found(service_desk, "空调") == ["a", "b"]
    assert await found(service_desk, "滤网") == ["a", "b"]
    assert await found(service_desk, "空调 压缩机") == ["b"]
    assert await found(service_desk, "AIRPRO clea") == ["c"]
    assert await found(service_desk, "300") == ["c"]
    assert await found(service_desk, "热水器") == []
    relaxed = await service_desk.SearchArticles(pb.SearchArticlesRequest(q="空调 压缩机 漏水"))
    assert relaxed.relaxed
    assert relaxed.hits[0].code == "b"
    # Quotes and operators are words, not a query.
    assert await found(service_desk, "'; DROP | & ! <-> \\ '") == []


async def test_long_articles_are_found_by_their_last_sentence_with_a_snippet(service_desk: Client) -> None:
    body = (
        "".join(f"第{at}步,检查零件编号{at}是否松动。" for at in range(1500)) + "最后重新校准陀螺仪。" + "完成。" * 60
    )
    await published(service_desk, "long", "检修手册", body)
    answer = await service_desk.SearchArticles(pb.SearchArticlesRequest(q="校准陀螺仪"))
    assert "重新校准陀螺仪" in answer.hits[0].snippet
    assert len(answer.hits[0].snippet) < 130


async def test_audiences_and_units_hold_in_search_open_get_list_and_suggest(service_desk: Client) -> None:
    unit, other = new_id(), new_id()
    below_unit = new_id()
    path = await service_desk.know_unit(unit)
    await service_desk.know_unit(below_unit, parent_path=path)
    await published(service_desk, "open", "门店地址 地图")
    await published(service_desk, "customers", "会员地址 变更", of={"audience": CUSTOMERS})
    await published(service_desk, "staff", "内部地址 通讯录", of={"audience": AGENTS})
    await published(service_desk, "own", "库房地址", of={"audience": AGENTS, "unit_ids": [str(unit)]})

    async def all_ways(desk: Client, *, expected: set[str], **values: Any) -> None:
        assert set(await found(desk, "地址", **values)) == expected
        suggested = await desk.SuggestArticles(pb.SuggestArticlesRequest(text="地址在哪里", **values))
        assert {hit.code for hit in suggested.hits} == expected

    everything = {"open", "customers", "staff", "own"}
    await all_ways(service_desk, expected=everything)
    await all_ways(service_desk, expected={"open", "customers"}, audience=CUSTOMERS)
    await all_ways(service_desk, expected={"open"}, audience=PUBLIC)
    for home, expected in ((unit, everything), (below_unit, everything), (other, everything - {"own"})):
        desk = service_desk.as_(permissions={READ: "unit"}, unit_id=home)
        await all_ways(desk, expected=expected)
        listed = await desk.ListArticles(articles.ListArticlesRequest())
        assert {one.code for one in listed.articles} == expected
    await published(service_desk, "branch", "分店地址", of={"audience": AGENTS, "unit_ids": [str(below_unit)]})
    for scope, expected in (("unit", everything), ("unit_below", everything | {"branch"})):
        await all_ways(service_desk.as_(permissions={READ: scope}, unit_id=unit), expected=expected)
    stranger = service_desk.as_(permissions={READ: "unit"}, unit_id=other)
    with refused("ARTICLE_NOT_FOUND"):
        await stranger.OpenArticle(pb.OpenArticleRequest(code="own"))
    everybody = service_desk.as_(permissions={"none": "all"})
    assert [hit.code for hit in (await everybody.SearchHelp(pb.SearchArticlesRequest(q="地址"))).hits] == ["open"]
    # Asking for more does not give more to who is not signed in.
    wide = pb.SearchArticlesRequest(q="地址", audience=AGENTS)  # type: ignore[arg-type]
    assert [hit.code for hit in (await everybody.SearchHelp(wide)).hits] == ["open"]
    with refused("ARTICLE_NOT_FOUND"):
        await everybody.OpenHelp(pb.OpenArticleRequest(code="staff"))
    with refused("PERMISSION_MISSING"):
        await everybody.SearchArticles(pb.SearchArticlesRequest(q="地址"))


async def test_narrowing_an_audience_or_archiving_holds_at_once(service_desk: Client) -> None:
    made = await published(service_desk, "price", "价格表")
    change = articles.UpdateArticleRequest(article=articles.Article(id=made.id, audience=AGENTS))  # type: ignore[arg-type]
    change.update_mask.paths.append("audience")
    await service_desk.UpdateArticle(change)
    assert not (await service_desk.SearchHelp(pb.SearchArticlesRequest(q="价格"))).hits
    assert await found(service_desk, "价格") == ["price"]
    gone = await service_desk.ArchiveArticle(articles.ArchiveArticleRequest(id=made.id))
    assert (gone.state, list(gone.published_languages)) == (articles.Article.State.ARCHIVED, [])
    assert await found(service_desk, "价格") == []
    with refused("ARTICLE_NOT_FOUND"):
        await service_desk.OpenArticle(pb.OpenArticleRequest(code="price"))
    again = await drafted(service_desk, made, "价格表")
    await publish(service_desk, again)
    assert await found(service_desk, "价格") == ["price"]
    await sound(service_desk)


async def test_only_units_within_reach_may_be_given_articles(service_desk: Client) -> None:
    unit = new_id()
    desk = service_desk.as_(permissions={"service-desk.article.*": "unit"}, unit_id=unit)
    await article(desk, "mine", unit_ids=[str(unit)])
    with refused("ARTICLE_UNIT_OUT_OF_REACH"):
        await article(desk, "theirs", unit_ids=[str(new_id())])


async def test_review_is_due_after_its_days_and_moves_on_when_confirmed(service_desk: Client) -> None:
    soon = await published(service_desk, "soon", "年检", of={"review_days": 30})
    await published(service_desk, "never", "地址")

    async def due() -> list[str]:
        answer = await service_desk.ListArticles(articles.ListArticlesRequest(due=True))
        return [one.code for one in answer.articles]

    assert await due() == []
    async with service_desk.transaction() as tx:
        from tercet_service_desk.knowledge.model import Article

        row = await tx.get(Article, soon.id)
        assert row.review_date is not None
        row.review_date = row.review_date - timedelta(days=31)
        await tx.finish()
    assert await due() == ["soon"]
    await service_desk.ReviewArticle(articles.ReviewArticleRequest(id=soon.id))
    assert await due() == []


async def test_categories_are_a_tree_and_search_goes_below(service_desk: Client) -> None:
    async def category(code: str, parent: str = "") -> categories.KnowledgeCategory:
        wanted = categories.KnowledgeCategory(code=code, display_name=code, parent_code=parent)
        made: categories.KnowledgeCategory = await service_desk.CreateKnowledgeCategory(
            categories.CreateKnowledgeCategoryRequest(knowledge_category=wanted)
        )
        return made

    with refused("KNOWLEDGE_CATEGORY_NOT_FOUND", "knowledge_category.parent_code"):
        await category("退货", "售后")
    top = await category("售后")
    await category("退货", "售后")
    with refused("KNOWLEDGE_CATEGORY_NOT_FOUND", "article.category_code"):
        await article(service_desk, "x", category_code="没有")
    await published(service_desk, "inside", "运费 谁付", of={"category_code": "退货"})
    await published(service_desk, "outside", "运费 怎么算")
    assert await found(service_desk, "运费", category_code="售后") == ["inside"]
    circle = categories.UpdateKnowledgeCategoryRequest(
        knowledge_category=categories.KnowledgeCategory(id=top.id, parent_code="退货")
    )
    circle.update_mask.paths.append("parent_code")
    with refused("KNOWLEDGE_CATEGORY_CIRCLE"):
        await service_desk.UpdateKnowledgeCategory(circle)
    with refused("KNOWLEDGE_CATEGORY_IN_USE"):
        await service_desk.DeleteKnowledgeCategory(categories.DeleteKnowledgeCategoryRequest(id=top.id))


async def test_suggestions_follow_a_text_or_a_ticket_and_rank_what_it_is_about(service_desk: Client) -> None:
    await published(service_desk, "screen", "屏幕碎裂怎么办", "保外更换屏幕需要三百元。", keywords=["碎屏"])
    await published(service_desk, "battery", "电池保养", "请不要长时间充电,屏幕调暗可以省电。")
    await published(service_desk, "invoice", "怎么开发票", "在订单页申请。")
    text = "你好,我的手机昨天掉在地上了,屏幕碎了,请问你们可以帮我换一块吗?谢谢!"
    answer = await service_desk.SuggestArticles(pb.SuggestArticlesRequest(text=text))
    assert answer.hits[0].code == "screen"
    assert "invoice" not in [hit.code for hit in answer.hits]
    ticket = await service_desk.CreateTicket(
        tickets.CreateTicketRequest(ticket=tickets.Ticket(subject="碎屏", description="掉地上了"))
    )
    for_ticket = await service_desk.SuggestArticles(pb.SuggestArticlesRequest(ticket_id=ticket.id))
    assert [hit.code for hit in for_ticket.hits] == ["screen"]
    stranger = service_desk.as_(permissions={READ: "unit"}, unit_id=new_id())
    with refused("RESOURCE_NOT_FOUND"):
        await stranger.SuggestArticles(pb.SuggestArticlesRequest(ticket_id=ticket.id))
    with refused("TEXT_OR_TICKET_NEEDED"):
        await service_desk.SuggestArticles(pb.SuggestArticlesRequest(text="  "))


async def test_use_is_counted_once_per_ticket(service_desk: Client) -> None:
    made = await published(service_desk, "used", "重启路由器")
    ticket = await service_desk.CreateTicket(tickets.CreateTicketRequest(ticket=tickets.Ticket(subject="断网")))
    kinds = [pb.ArticleUse.Kind.LINKED, pb.ArticleUse.Kind.SOLVED_WITH, pb.ArticleUse.Kind.LINKED]
    await asyncio.gather(
        *(
            service_desk.UseArticle(pb.UseArticleRequest(article_id=made.id, ticket_id=ticket.id, kind=kind))
            for kind in kinds * 3
        )
    )
    uses = await service_desk.ListArticleUses(pb.ListArticleUsesRequest(ticket_id=ticket.id))
    assert [(use.article_id, use.kind) for use in uses.article_uses] == [(made.id, pb.ArticleUse.Kind.SOLVED_WITH)]


async def test_deflection_counts_writings_that_were_spared_a_ticket(service_desk: Client) -> None:
    made = await published(service_desk, "wifi", "无线网络连接失败", "重启路由器。")
    everybody = service_desk.as_(permissions={"none": "all"})

    async def writing(*, read: bool = False, helpful: bool | None = None, ticket: bool = False) -> None:
        first = await everybody.SuggestHelp(pb.SuggestHelpRequest(text="无线网络"))
        more = await everybody.SuggestHelp(
            pb.SuggestHelpRequest(text="无线网络连接失败了", suggestion_id=first.suggestion_id)
        )
        assert more.suggestion_id == first.suggestion_id
        reading = more.hits[0].reading_id
        assert reading == first.hits[0].reading_id
        if read:
            opened = await everybody.OpenHelp(pb.OpenArticleRequest(code="wifi", reading_id=reading))
            assert opened.reading_id == reading
        if helpful is not None:
            await everybody.RateHelp(pb.RateArticleRequest(id=reading, helpful=helpful))
        if ticket:
            opened_ticket = await service_desk.CreateTicket(
                tickets.CreateTicketRequest(ticket=tickets.Ticket(subject="断网"))
            )
            await service_desk.EndSuggestionInTicket(
                pb.EndSuggestionInTicketRequest(id=more.suggestion_id, ticket_id=opened_ticket.id)
            )

    await writing()
    await writing(read=True)
    await writing(read=True, helpful=True)
    await writing(read=True, helpful=False)
    await writing(read=True, helpful=True, ticket=True)
    await everybody.SuggestHelp(pb.SuggestHelpRequest(text="完全不同的事情 zzz"))
    request = pb.GetKnowledgeFiguresRequest()
    request.from_time.FromSeconds(0)
    request.to_time.FromJsonString("2100-01-01T00:00:00Z")
    figures = await service_desk.GetKnowledgeFigures(request)
    assert (figures.writing_count, figures.suggested_count, figures.opened_count) == (6, 5, 4)
    assert (figures.helpful_count, figures.ticket_count, figures.deflected_count) == (2, 1, 2)
    (one,) = figures.articles
    assert (one.article_id, one.suggested_count, one.opened_count) == (made.id, 5, 4)
    assert (one.helpful_count, one.unhelpful_count) == (2, 1)
    with refused("READING_NOT_FOUND"):
        await everybody.RateHelp(pb.RateArticleRequest(id=str(UUID(int=7)), helpful=True))
