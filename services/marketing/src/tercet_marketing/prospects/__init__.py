"""Leads and opportunities as their services tell them, so that segments can have them as members."""
