"""Images of this checkout, and of the version after it: the same code with one more migration."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from chart.e2e.cluster import Failed, run

ROOT = Path(__file__).parents[3]
SERVICES = ("leads", "sales", "marketing", "service-desk", "gateway")
SERVERS = ("postgres", "nats")
# A column that older code does not know, in the table that every request of the load touches.
NEXT_MIGRATION = '''"""what the version before does not know"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "{number:04d}"
down_revision = "{before:04d}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.unfence("leads")
    op.add_column("leads", sa.Column("told_by_next_version", sa.Text(), nullable=True))
    op.fence("leads")


def downgrade() -> None:
    op.unfence("leads")
    op.drop_column("leads", "told_by_next_version")
    op.fence("leads")
'''


class Builds:
    """What builds and loads images, as the environment says."""

    def __init__(self, registry: str, base_image: str) -> None:
        self.registry = registry
        self._base = base_image
        load = os.environ.get("IMAGE_LOAD", "")
        if not load:
            raise Failed(
                "set IMAGE_LOAD to a command that takes names of images and puts them where the cluster's nodes find "
                "them"
            )
        self._load = shlex.split(load)

    def build(self, tag: str, root: Path = ROOT) -> None:
        """All seven images from a source tree."""
        wanted = [f"REGISTRY={self.registry}", f"TAG={tag}"]
        run(
            [
                "make",
                "--directory",
                str(root),
                "images",
                *wanted,
                *([f"BASE_IMAGE={self._base}"] if self._base else []),
            ],
            timeout=3600,
        )

    def build_next(self, tag: str) -> None:
        """The same from a copy of the tree in which leads has one more migration."""
        with tempfile.TemporaryDirectory() as place:
            for name in run(["git", "-C", str(ROOT), "ls-files", "-z"]).split("\0"):
                if name and (ROOT / name).is_file():
                    target = Path(place) / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(ROOT / name, target)
            versions = Path(place) / "services" / "leads" / "migrations" / "versions"
            before = len(list(versions.glob("*.py")))
            text = NEXT_MIGRATION.format(number=before + 1, before=before)
            (versions / f"{before + 1:04d}_next_version.py").write_text(text, encoding="utf-8")
            self.build(tag, Path(place))

    def load(self, tag: str, names: Sequence[str] = (*SERVICES, *SERVERS)) -> None:
        """Puts images where the nodes find them."""
        run([*self._load, *(f"{self.registry}tercet-{name}:{tag}" for name in names)], timeout=1800)
