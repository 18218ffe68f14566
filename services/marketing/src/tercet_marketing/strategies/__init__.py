"""Strategies: a segment meets an action, arbitrated with the others, every decision explained."""
