"""Ticket types: what kinds of tickets there are, and through which stages each kind goes."""
