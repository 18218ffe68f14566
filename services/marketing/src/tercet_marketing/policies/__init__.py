"""Policies: versioned sets of numbers that tools work with."""
