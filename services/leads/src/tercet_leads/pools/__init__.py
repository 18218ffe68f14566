"""Pools (公海): leads nobody owns, and the history of who had them."""
