"""Mergers: two leads of one party that are followed up, joined and taken apart again."""
