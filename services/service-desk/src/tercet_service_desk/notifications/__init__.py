"""Notifications: what somebody on the desk should look at."""
