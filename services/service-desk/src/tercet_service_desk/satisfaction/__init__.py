"""Satisfaction: one survey for each solved ticket, and complaints that come of it."""
