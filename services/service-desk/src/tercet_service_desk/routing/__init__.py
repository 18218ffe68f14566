"""Routing: which agent gets which ticket, why, and which tickets wait."""
