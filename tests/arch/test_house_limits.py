"""The sizes at which we stop and think, counted as code: blank lines, comments and docstrings are free."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

ROOT = Path(__file__).parents[2]
FREE = frozenset(
    {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENCODING,
        tokenize.ENDMARKER,
    }
)


def code_lines(file: Path) -> int:
    """Lines that hold code."""
    source = file.read_text(encoding="utf-8")
    documented: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node) is not None
        ):
            text = node.body[0]
            documented.update(range(text.lineno, (text.end_lineno or text.lineno) + 1))
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in FREE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - documented)


def sizes(folder: str) -> dict[str, int]:
    return {str(file.relative_to(ROOT)): code_lines(file) for file in sorted((ROOT / folder).rglob("*.py"))}


def test_no_chassis_file_is_over_300_lines() -> None:
    over = {name: size for name, size in sizes("libs/chassis/src").items() if size > 300}
    assert not over


def test_no_file_of_a_slice_is_two_rooms() -> None:
    found = {
        name: size
        for service in (ROOT / "services").iterdir()
        for name, size in sizes(f"services/{service.name}/src").items()
    }
    assert not {name: size for name, size in found.items() if size > 400}


def test_the_chassis_stays_small() -> None:
    total = sum(size for name, size in sizes("libs/chassis/src").items() if not name.endswith("testing.py"))
    assert total <= 8_500, f"{total} lines; docs/adr/0004 says what the limit is and why"


def test_the_condition_language_stays_small() -> None:
    assert sum(sizes("libs/conditions/src").values()) <= 1_500
