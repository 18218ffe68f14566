"""Macros: named sets of changes and words that agents apply to a ticket at once."""
