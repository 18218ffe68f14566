"""Backup and restore: five databases, one moment, one file."""
