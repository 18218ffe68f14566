"""Viewers: who has a ticket open right now, so that two do not answer at once."""
