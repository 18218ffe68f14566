"""Consent: whether somebody may be written to or called, and how they decide themselves."""
