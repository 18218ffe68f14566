"""Articles, their versions, what is published of them, and how they are read and used."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index

from tercet_chassis.entity import Entity, Mapped, SearchTokens, column, index, unique
from tercet_service_desk.knowledge.errors import ArticleVersionFixed, ArticleVersionNotDraft, ArticleVersionNotInReview
from tercet_service_desk.knowledge.rules import next_review


class KnowledgeCategory(Entity):
    """A place for articles."""

    __tablename__ = "knowledge_categories"
    __table_args__ = (unique("knowledge_categories_by_code", "code", field="knowledge_category.code"),)

    code: Mapped[str]
    display_name: Mapped[str]
    parent_code: Mapped[str] = column(default="")
    position: Mapped[int] = column(default=0)


class Article(Entity):
    """An article: DRAFT until something is published, ARCHIVED when it is out of reach."""

    __tablename__ = "articles"
    __table_args__ = (
        unique("articles_by_code", "code", field="article.code"),
        index("articles_by_category", "category_code"),
        index("articles_by_review", "review_date", where="review_date IS NOT NULL"),
    )

    code: Mapped[str]
    category_code: Mapped[str] = column(default="")
    audience: Mapped[str]
    unit_ids: Mapped[list[Any]] = column(default=list)
    language_code: Mapped[str]
    editor_id: Mapped[UUID | None]
    review_days: Mapped[int] = column(default=0)
    state: Mapped[str] = column(default="DRAFT")
    published_languages: Mapped[list[Any]] = column(default=list)
    review_date: Mapped[date | None]
    review_time: Mapped[datetime | None]

    def reviewed(self, now: datetime, today: date) -> None:
        """Somebody confirmed that it holds."""
        self.review_time, self.review_date = now, next_review(today, self.review_days)

    def plan_review(self, day: date | None) -> None:
        """Counts the days anew from when it was last confirmed."""
        self.review_date = next_review(day, self.review_days)

    def published(self, language_code: str) -> None:
        """One more language can be read."""
        self.state = "PUBLISHED"
        self.published_languages = sorted({*self.published_languages, language_code})

    def archive(self) -> None:
        """Nothing of it can be read any more."""
        self.state, self.published_languages, self.review_date = "ARCHIVED", [], None


class ArticleVersion(Entity):
    """The text of an article in one language at one time: DRAFT, IN_REVIEW, PUBLISHED, at last ARCHIVED."""

    __tablename__ = "article_versions"
    __table_args__ = (unique("article_versions_by_number", "article_id", "number"),)

    article_id: Mapped[UUID]
    language_code: Mapped[str]
    number: Mapped[int]
    state: Mapped[str] = column(default="DRAFT")
    title: Mapped[str]
    summary: Mapped[str] = column(default="")
    body: Mapped[str] = column(default="")
    keywords: Mapped[list[Any]] = column(default=list)
    change_note: Mapped[str] = column(default="")
    author_id: Mapped[UUID | None]
    reviewer_id: Mapped[UUID | None]
    return_reason: Mapped[str] = column(default="")
    submit_time: Mapped[datetime | None]
    publish_time: Mapped[datetime | None]
    archive_time: Mapped[datetime | None]
    restored_number: Mapped[int] = column(default=0)

    def check_draft(self) -> None:
        """Refuses once it was handed in."""
        if self.state != "DRAFT":
            raise ArticleVersionFixed(state=self.state)

    def submit(self, now: datetime) -> None:
        """Hands a draft in. Refused otherwise."""
        if self.state != "DRAFT":
            raise ArticleVersionNotDraft(state=self.state)
        self.state, self.submit_time, self.return_reason = "IN_REVIEW", now, ""

    def give_back(self, reviewer_id: UUID | None, reason: str) -> None:
        """Makes it a draft again. Refused when it is not in review."""
        if self.state != "IN_REVIEW":
            raise ArticleVersionNotInReview(state=self.state)
        self.state, self.reviewer_id, self.return_reason = "DRAFT", reviewer_id, reason

    def publish(self, reviewer_id: UUID | None, now: datetime) -> None:
        """Makes it what is read. Refused when it is not in review."""
        if self.state != "IN_REVIEW":
            raise ArticleVersionNotInReview(state=self.state)
        self.state, self.reviewer_id, self.publish_time = "PUBLISHED", reviewer_id, now

    def end(self, now: datetime) -> None:
        """Makes it history."""
        self.state, self.archive_time = "ARCHIVED", now


class PublishedText(Entity):
    """What is read of an article in one language, as search looks at it. That there is one is the table's own key."""

    __tablename__ = "published_texts"
    __message__ = None
    __table_args__ = (
        unique("published_texts_by_language", "article_id", "language_code"),
        Index("published_texts_words", "tenant_id", "words", postgresql_using="gin"),
    )

    article_id: Mapped[UUID]
    version_id: Mapped[UUID]
    language_code: Mapped[str]
    code: Mapped[str]
    category_code: Mapped[str]
    audience: Mapped[str]
    unit_ids: Mapped[list[Any]] = column(default=list)
    title: Mapped[str]
    words: Mapped[Any] = column(SearchTokens(), deferred=True, deferred_raiseload=True)


class ArticleSuggestion(Entity):
    """One writing for which articles were suggested; what was written is not kept."""

    __tablename__ = "article_suggestions"
    __message__ = None
    __table_args__ = (index("article_suggestions_by_time", "create_time"),)

    audience: Mapped[str]
    hit_count: Mapped[int] = column(default=0)
    # The ticket that was being answered; such writings spare nothing.
    for_ticket_id: Mapped[UUID | None]
    # The ticket in which the writing ended.
    ticket_id: Mapped[UUID | None]


class ArticleReading(Entity):
    """An article that was shown in a suggestion or opened, and what the reader said."""

    __tablename__ = "article_readings"
    __message__ = None
    __table_args__ = (
        unique("article_readings_by_suggestion", "suggestion_id", "article_id"),
        index("article_readings_by_article", "article_id", "create_time"),
    )

    suggestion_id: Mapped[UUID | None]
    article_id: Mapped[UUID]
    version_id: Mapped[UUID]
    audience: Mapped[str]
    open_time: Mapped[datetime | None]
    helpful: Mapped[bool | None]


class ArticleUse(Entity):
    """An article that was used in a ticket; once, whatever was clicked."""

    __tablename__ = "article_uses"
    __table_args__ = (
        unique("article_uses_by_ticket", "ticket_id", "article_id"),
        index("article_uses_by_article", "article_id", "create_time"),
    )

    article_id: Mapped[UUID]
    ticket_id: Mapped[UUID]
    kind: Mapped[str]
    user_id: Mapped[UUID | None]

    def used(self, kind: str, user_id: UUID | None) -> None:
        """SOLVED_WITH replaces LINKED, not the reverse."""
        if kind == "SOLVED_WITH" and self.kind != kind:
            self.kind, self.user_id = kind, user_id
