"""Scoring: points by rules, grades by thresholds."""
