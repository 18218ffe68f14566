"""Grants and codes: benefits that somebody holds, and what is typed in to get one."""
