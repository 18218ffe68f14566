"""Leads: intake of whatever comes, follow-up, and the states on the way."""
