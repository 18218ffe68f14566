"""A version becomes what is read, and an article goes out of reach."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from tercet_chassis import Tx
from tercet_service_desk.knowledge import store
from tercet_service_desk.knowledge.model import Article, ArticleVersion, PublishedText
from tercet_service_desk.knowledge.words import kept_words


def today(tx: Tx) -> date:
    """The caller's day."""
    return tx.now().astimezone(ZoneInfo(tx.principal.zone or "UTC")).date()


async def publish(tx: Tx, article: Article, version: ArticleVersion) -> None:
    """Publishes a version in review; the one before becomes history. The caller holds the article."""
    version.publish(tx.principal.user_id, tx.now())
    for former in await store.read_versions(tx, article.id, version.language_code):
        if former.id != version.id:
            former.end(tx.now())
    article.published(version.language_code)
    article.reviewed(tx.now(), today(tx))
    await tx.flush()
    await store.withdraw(tx, article.id, version.language_code)
    tx.add(
        PublishedText(
            article_id=article.id,
            version_id=version.id,
            language_code=version.language_code,
            code=article.code,
            category_code=article.category_code,
            audience=article.audience,
            unit_ids=list(article.unit_ids),
            title=version.title,
            words=kept_words(version.title, version.keywords, (version.summary, version.body)),
        )
    )


async def archive(tx: Tx, article: Article) -> None:
    """Takes an article out of reach in all languages. The caller holds the article."""
    for version in await store.read_versions(tx, article.id):
        version.end(tx.now())
    article.archive()
    await store.withdraw(tx, article.id)
