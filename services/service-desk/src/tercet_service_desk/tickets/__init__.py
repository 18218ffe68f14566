"""Tickets: what a customer needs from us, and everything that was said about it."""
