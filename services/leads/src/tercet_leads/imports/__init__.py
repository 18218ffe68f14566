"""Imports: files of leads, previewed, mapped, run in chunks, undone."""
