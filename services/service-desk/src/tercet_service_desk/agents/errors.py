"""Refusals about agents and their capacity."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument


class AgentAtCapacity(FailedPrecondition):
    """A ticket was to be given by hand to an agent who has no room for it."""

    text = (
        "The agent has open tickets of weight {load}, can look after {capacity}, and this ticket weighs {weight}; "
        "choose another agent, let the rules choose (:route), or use :assignPastCapacity if you may."
    )
    field = "assignee_id"


class AgentHasTickets(FailedPrecondition):
    """An agent with open tickets was to be taken off the desk."""

    text = "The agent still has {count} open tickets; give them to others first, or set the agent to OFFLINE."
    field = "id"


class SkillTwice(InvalidArgument):
    """A skill is named twice."""

    text = "The skill {code} is named twice; keep one line with the level that counts."
    field = "agent.skills"
