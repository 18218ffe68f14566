"""Prints what the given folders' distributions need of others: they come first in an image, in a layer of their own."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

OURS = "tercet-"


def needed(folder: Path) -> set[str]:
    """The requirements of one distribution that are not ours."""
    declared = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    return {each for each in declared["project"].get("dependencies", ()) if not each.startswith(OURS)}


def main() -> None:
    """One requirement a line."""
    found = set().union(*(needed(Path(folder)) for folder in sys.argv[1:]))
    sys.stdout.write("".join(f"{each}\n" for each in sorted(found)))


if __name__ == "__main__":
    main()
