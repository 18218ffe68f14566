"""Campaigns: the name under which cost and effect meet."""
