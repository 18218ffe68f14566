"""Profiles: what marketing knows of a person or company."""
