"""Leads: who is interested, are they ripe, who follows them up."""
