"""The clocks of a ticket without a database: whatever happens, they only move forward."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tercet_service_desk.levels.model import Promised
from tercet_service_desk.levels.rules import (
    BREACHED,
    FIRST_REPLY,
    MET,
    NEXT_REPLY,
    PAUSED,
    RUNNING,
    SOLVE,
    UNPROMISED,
    Clocks,
    Level,
    Step,
    percent_left,
    steps_astray,
)

T0 = datetime(2026, 3, 2, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
GOLD = Level(
    "gold",
    {(FIRST_REPLY, ""): 60, (FIRST_REPLY, "URGENT"): 15, (NEXT_REPLY, ""): 120, (SOLVE, ""): 480},
    steps=(
        Step(SOLVE, -60, "NOTIFY_OWNER"),
        Step(SOLVE, 0, "NOTIFY_ROLE", ("lead",)),
        Step(SOLVE, 30, "RAISE_PRIORITY"),
        Step(FIRST_REPLY, -600, "NOTIFY_OWNER"),
    ),
)


def at(minutes: float) -> datetime:
    return T0 + MINUTE * minutes


def opened(priority: str = "NORMAL") -> Clocks:
    clocks = Clocks(T0)
    clocks.open()
    clocks.judge(GOLD, priority)
    return clocks


def states(clocks: Clocks) -> dict[str, str]:
    return {kind: clock.state for kind, clock in clocks.clocks.items()}


def test_targets_follow_priority() -> None:
    assert opened().clocks[FIRST_REPLY].due == at(60)
    urgent = opened("URGENT")
    assert (urgent.clocks[FIRST_REPLY].due, urgent.clocks[SOLVE].due) == (at(15), at(480))


def test_reply_meets_the_first_clock_and_the_requesters_answer_begins_the_next() -> None:
    clocks = opened()
    clocks.reply(at(30), GOLD, "NORMAL", waits=False)
    assert states(clocks) == {FIRST_REPLY: MET, SOLVE: RUNNING}
    clocks.hear(at(40))
    clocks.hear(at(50))
    clocks.judge(GOLD, "NORMAL")
    assert (clocks.clocks[NEXT_REPLY].due, clocks.clocks[NEXT_REPLY].cycle) == (at(160), 1)
    clocks.reply(at(160), GOLD, "NORMAL", waits=False)
    assert clocks.clocks[NEXT_REPLY].state == MET
    clocks.hear(at(170))
    assert clocks.clocks[NEXT_REPLY].cycle == 2


def test_requester_who_writes_again_before_the_first_reply_begins_nothing_new() -> None:
    clocks = opened()
    clocks.hear(at(10))
    assert set(clocks.clocks) == {FIRST_REPLY, SOLVE}


def test_waiting_for_the_requester_does_not_count() -> None:
    clocks = opened()
    clocks.reply(at(30), GOLD, "NORMAL", waits=True)
    clocks.judge(GOLD, "NORMAL")
    assert (clocks.clocks[SOLVE].state, clocks.clocks[SOLVE].due) == (PAUSED, None)
    assert not clocks.coming(GOLD)
    assert clocks.worked(clocks.clocks[SOLVE], GOLD.calendar, at(1000)) == MINUTE * 30
    clocks.hear(at(1030))
    clocks.judge(GOLD, "NORMAL")
    assert (clocks.clocks[SOLVE].state, clocks.clocks[SOLVE].due) == (RUNNING, at(1480))


def test_solving_ends_every_clock_and_reopening_goes_on_where_it_stood() -> None:
    clocks = opened()
    clocks.solve(at(100), GOLD, "NORMAL")
    assert states(clocks) == {FIRST_REPLY: BREACHED, SOLVE: MET}
    clocks.reopen(at(5000))
    clocks.judge(GOLD, "NORMAL")
    assert (clocks.clocks[SOLVE].state, clocks.clocks[SOLVE].due) == (RUNNING, at(5380))


def test_solving_while_waiting_counts_only_what_was_worked() -> None:
    clocks = opened()
    clocks.reply(at(30), GOLD, "NORMAL", waits=True)
    clocks.solve(at(5000), GOLD, "NORMAL")
    assert clocks.clocks[SOLVE].state == MET


def test_steps_and_breach_come_in_order_and_each_once() -> None:
    clocks = opened()
    order = []
    while coming := clocks.coming(GOLD):
        clocks.take(coming[0], GOLD)
        order.append((coming[0].time, coming[0].clock.kind, coming[0].step.minutes if coming[0].step else None))
    assert order == [
        # More minutes before than were promised at all: at once.
        (T0, FIRST_REPLY, -600),
        (at(60), FIRST_REPLY, None),
        (at(420), SOLVE, -60),
        (at(480), SOLVE, None),
        (at(480), SOLVE, 0),
        (at(510), SOLVE, 30),
    ]


def test_a_told_breach_is_not_taken_back_by_a_milder_level() -> None:
    clocks = opened()
    breach = next(item for item in clocks.coming(GOLD) if item.step is None)
    clocks.take(breach, GOLD)
    clocks.judge(Level("mild", {(FIRST_REPLY, ""): 6000}), "NORMAL")
    assert clocks.clocks[FIRST_REPLY].state == BREACHED


def test_without_a_level_clocks_run_unpromised_and_a_later_level_counts_from_the_beginning() -> None:
    clocks = opened()
    clocks.judge(None, "NORMAL")
    assert states(clocks) == {FIRST_REPLY: UNPROMISED, SOLVE: UNPROMISED}
    assert clocks.next_due() is None
    clocks.judge(GOLD, "NORMAL")
    assert clocks.next_due() == at(60)


def test_percent_left_falls_from_100_to_0() -> None:
    assert [percent_left(60, MINUTE * worked) for worked in (0, 15, 59.9, 60, 90)] == [100, 75, 0, 0, 0]


def test_steps_that_cannot_be_taken_are_named() -> None:
    steps = (
        Step(SOLVE, 5, "HAND_OVER"),
        Step(SOLVE, 6, "NOTIFY_ROLE"),
        Step(NEXT_REPLY, 5, "NOTIFY_OWNER"),
        Step(SOLVE, 7, "NOTIFY_OWNER"),
        Step(SOLVE, 7, "NOTIFY_OWNER"),
    )
    assert [place for place, _ in steps_astray(steps, {(SOLVE, ""): 10})] == [0, 1, 2, 4]


ACTIONS = st.sampled_from(["reply", "wait", "hear", "solve", "reopen", "judge", "take"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(ACTIONS, st.integers(-90, 400)), max_size=25))
def test_whatever_happens_in_whatever_order_clocks_only_move_forward(acts: list[tuple[str, int]]) -> None:
    clocks, told = opened(), T0
    ticket = type("Row", (), {name: getattr(Promised, name) for name in ("read_clocks", "keep_clocks")})()
    ticket.clocks, ticket.pauses, ticket.clock_mark = [], [], None
    breached: set[tuple[str, int]] = set()
    solved, worked = False, timedelta()
    for act, minutes in acts:
        told += MINUTE * minutes
        if act in ("reply", "wait") and not solved:
            clocks.reply(told, GOLD, "NORMAL", waits=act == "wait")
        elif act == "hear" and not solved:
            clocks.hear(told)
        elif act == "solve":
            clocks.solve(told, GOLD, "NORMAL")
            solved = True
        elif act == "reopen" and solved:
            clocks.reopen(told)
            solved = False
        elif act == "take" and not solved:
            for happening in clocks.coming(GOLD)[:1]:
                clocks.take(happening, GOLD)
        mark = clocks.mark
        clocks.judge(GOLD, "NORMAL")
        # Kept and read again they are the same.
        ticket.keep_clocks(clocks, "gold", GOLD, "stamp")
        assert ticket.read_clocks(T0) == clocks
        assert clocks.mark == mark
        assert all(pause.begin <= pause.end <= mark for pause in clocks.pauses)
        assert all(first.end <= second.begin for first, second in zip(clocks.pauses, clocks.pauses[1:], strict=False))
        now = {(clock.kind, clock.cycle) for clock in clocks.clocks.values() if clock.breach}
        kept = {key for key in breached if clocks.clocks[key[0]].cycle == key[1]}
        assert kept <= now
        breached |= now
        solving = clocks.clocks[SOLVE]
        assert solving.begin == T0
        assert clocks.worked(solving, GOLD.calendar, mark) >= worked
        worked = clocks.worked(solving, GOLD.calendar, mark)
