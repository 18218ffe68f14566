"""Touches: raw submissions, kept exactly as they came."""
