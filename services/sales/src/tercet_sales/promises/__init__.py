"""Promises: what was promised to a customer in a sale."""
