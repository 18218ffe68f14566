"""Roles: what somebody may do, how far it reaches, and what stays hidden."""
