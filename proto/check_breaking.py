"""Compares the protos with the last ones that others may build on, offline: wire, JSON and code stay compatible.

`python proto/check_breaking.py [REVISION]`. Without a revision: the newest release tag, else where the branch left
`origin/main`, else the commit before. Says so and ends well when there is nothing earlier to compare with.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PROTO = Path(__file__).resolve().parent


def git(*arguments: str) -> str | None:
    """What git says; None when it refuses."""
    done = subprocess.run(["git", "-C", str(PROTO.parent), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def baseline() -> str | None:
    """The revision to compare with, if there is one."""
    tag = git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD^")
    if tag:
        return tag
    head, left = git("rev-parse", "HEAD"), git("merge-base", "HEAD", "origin/main")
    if left and left != head:
        return left
    return git("rev-parse", "--verify", "--quiet", "HEAD^")


def main() -> int:
    """Exit code 1 when something breaks."""
    revision = sys.argv[1] if len(sys.argv) > 1 else baseline()
    if revision is None:
        sys.stdout.write("proto breaking check: skipped, there is no earlier commit here\n")
        return 0
    if git("cat-file", "-e", f"{revision}:proto/buf.yaml") is None:
        sys.stdout.write(f"proto breaking check: skipped, {revision} has no protos yet\n")
        return 0
    archive = subprocess.run(
        ["git", "-C", str(PROTO.parent), "archive", "--format=zip", revision, "proto/tercet", "proto/buf.yaml"],
        capture_output=True,
        check=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(io.BytesIO(archive.stdout)) as packed:
            packed.extractall(folder)
        earlier = Path(folder) / "proto"
        # What we import from others is laid beside both, so that nothing is fetched.
        shutil.copytree(PROTO / "include", earlier / "include")
        buf = Path(sys.executable).with_name("buf")
        done = subprocess.run([str(buf), "breaking", "--against", str(earlier)], cwd=PROTO, check=False)
    sys.stdout.write(
        f"proto breaking check against {revision}: {'nothing breaks' if not done.returncode else 'BROKEN'}\n"
    )
    return 1 if done.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
