"""Loyalty: points programmes, their members, what they earn and burn, and the tier that comes of it."""
