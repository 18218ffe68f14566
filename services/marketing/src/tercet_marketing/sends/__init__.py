"""Sends: the one door through which everything goes that reaches a customer."""
