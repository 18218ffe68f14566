"""Calendars: when work is done, and how much of it lies between two moments."""
