"""Keeps the collector of cycles away from a chunk: what a chunk makes lives until its end and then goes by itself, so
each look goes over tens of thousands of objects and finds nothing.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_pauses = 0


@contextmanager
def uncollected() -> Iterator[None]:
    """No look for cycles in this process while the block runs; blocks of several imports may overlap."""
    global _pauses
    _pauses += 1
    gc.disable()
    try:
        yield
    finally:
        _pauses -= 1
        if not _pauses:
            gc.enable()
