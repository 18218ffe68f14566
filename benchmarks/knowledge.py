"""How fast articles are found and suggested among 10,000, over gRPC as a desk would ask.

    make bench-knowledge ARTICLES=10000 SECONDS=5

Starts PostgreSQL, NATS and the service desk of its own. Articles are made up: 200 to 1,200 characters each, nine in ten
in Chinese, words drawn by Zipf's law from a vocabulary of 6,000, so that common words stand in most articles.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import itertools
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from support.servers import running_servers
from tercet.servicedesk.v1 import knowledge_service_pb2 as pb
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, Together
from tercet_service_desk.app import service
from tercet_service_desk.knowledge.model import Article, ArticleVersion, PublishedText
from tercet_service_desk.knowledge.words import kept_words

_BATCH = 500
_VOCABULARY = 6_000


class Language:
    """Words by rank, the common ones drawn often."""

    def __init__(self, dice: random.Random, words: list[str], between: str) -> None:
        self._dice, self.words, self._between = dice, words, between
        self._sums = list(itertools.accumulate(1 / (rank + 2) for rank in range(len(words))))

    def text(self, count: int) -> str:
        """So many words."""
        at = (bisect.bisect(self._sums, self._dice.random() * self._sums[-1]) for _ in range(count))
        return self._between.join(self.words[min(one, len(self.words) - 1)] for one in at)


def languages(dice: random.Random) -> tuple[Language, Language]:
    """A Chinese and a Latin one."""
    characters = [chr(0x4E00 + dice.randrange(6_000)) for _ in range(2_500)]
    chinese = ["".join(dice.choices(characters, k=dice.choice((2, 2, 2, 3)))) for _ in range(_VOCABULARY)]
    latin = ["".join(dice.choices("abcdefghijklmnoprstuvwy", k=dice.randrange(3, 11))) for _ in range(_VOCABULARY)]
    return Language(dice, chinese, ""), Language(dice, latin, " ")


async def fill(client: Client, count: int, dice: random.Random, spoken: tuple[Language, Language]) -> None:
    """So many published articles."""
    for begin in range(0, count, _BATCH):
        rows: tuple[list[dict[str, object]], ...] = ([], [], [])
        for number in range(begin, min(begin + _BATCH, count)):
            chinese = dice.random() < 0.9
            tongue, code = spoken[not chinese], "zh" if chinese else "en"
            title, body = tongue.text(dice.randrange(3, 8)), tongue.text(dice.randrange(100, 600) // (1 + chinese))
            article, version = new_id(), new_id()
            audience = dice.choice(("PUBLIC", "PUBLIC", "CUSTOMERS", "AGENTS"))
            about = {"code": f"article-{number}", "audience": audience, "language_code": code, "unit_ids": []}
            shared = {**about, "category_code": ""}
            rows[0].append(
                {**shared, "id": article, "state": "PUBLISHED", "published_languages": [code], "review_days": 0}
            )
            rows[1].append(
                {
                    "id": version,
                    "article_id": article,
                    "language_code": code,
                    "number": 1,
                    "state": "PUBLISHED",
                    "title": title,
                    "summary": "",
                    "body": body,
                    "keywords": [],
                    "change_note": "",
                    "return_reason": "",
                    "restored_number": 0,
                }
            )
            words = kept_words(title, (), (body,))
            rows[2].append({**shared, "article_id": article, "version_id": version, "title": title, "words": words})
        async with client.transaction() as tx:
            for entity, part in zip((Article, ArticleVersion, PublishedText), rows, strict=True):
                await tx.bulk_insert(entity, part)
        print(f"\r{begin + len(rows[0])} of {count}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


async def timed(name: str, seconds: float, ask: Callable[[], Awaitable[int]]) -> None:
    """Asks one after the other for so long and prints what it took."""
    took, hits = [], 0
    for _ in range(20):
        await ask()
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        hits += await ask()
        took.append((time.perf_counter() - began) * 1000)
    cuts = statistics.quantiles(took, n=100)
    print(
        f"{name:<34} {len(took):>5} calls  median {cuts[49]:6.1f} ms  p95 {cuts[94]:6.1f} ms  p99 {cuts[98]:6.1f} ms  "
        f"{hits / len(took):.1f} hits each",
        flush=True,
    )


async def measure(count: int, seconds: float, folder: Path) -> None:
    """Fills a desk and prints the figures."""
    dice = random.Random(7)
    spoken = languages(dice)
    with running_servers(folder / "servers") as servers:
        together = Together(folder / "services", servers.nats_url)
        running = await together.start(service, servers.owner_dsn("service-desk"), servers.app_dsn("service-desk"))
        client = await running.tenant()
        await fill(client, count, dice, spoken)

        async def search(words: int, common: bool = False) -> int:
            tongue = spoken[dice.random() < 0.1]
            text = " ".join(tongue.words[dice.randrange(20)] for _ in range(words)) if common else tongue.text(words)
            return len((await client.SearchArticles(pb.SearchArticlesRequest(q=text))).hits)

        async def suggest(words: int) -> int:
            tongue = spoken[dice.random() < 0.1]
            return len((await client.SuggestArticles(pb.SuggestArticlesRequest(text=tongue.text(words)))).hits)

        await timed("search, one word", seconds, lambda: search(1))
        await timed("search, two words", seconds, lambda: search(2))
        await timed("search, two of the commonest", seconds, lambda: search(2, common=True))
        await timed("suggest, a sentence (12 words)", seconds, lambda: suggest(12))
        await timed("suggest, a long letter (200 words)", seconds, lambda: suggest(200))
        async with asyncio.timeout(30):
            await together.stop()


def main() -> None:
    """Prints the figures of one run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(options.articles, options.seconds, Path(folder)))


if __name__ == "__main__":
    main()
