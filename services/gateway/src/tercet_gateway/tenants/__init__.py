"""Tenants: the register of the companies that share one installation."""
