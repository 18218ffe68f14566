"""Mergers: two customers of one party in one unit, joined and taken apart again."""
