"""The collector of cycles stays away from chunks and comes back after them."""

from __future__ import annotations

import gc

import pytest

from tercet_leads.imports.collecting import uncollected


def test_no_look_for_cycles_while_a_chunk_is_taken_in() -> None:
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_the_collector_comes_back_when_a_chunk_fails() -> None:
    with pytest.raises(ValueError, match="broken"), uncollected():
        raise ValueError("broken")
    assert gc.isenabled()


def test_a_chunk_that_ends_leaves_the_pause_of_another_import() -> None:
    one, other = uncollected(), uncollected()
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    assert not gc.isenabled()
    other.__exit__(None, None, None)
    assert gc.isenabled()
