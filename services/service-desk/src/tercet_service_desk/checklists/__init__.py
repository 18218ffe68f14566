"""Checklists: what sales promised, as lines that a ticket has to tick off."""
