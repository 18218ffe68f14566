"""Sending: what leaves the desk goes through marketing's door, and what became of it comes back."""
