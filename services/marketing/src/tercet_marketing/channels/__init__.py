"""Channels: how customers are reached, as plugins, and a tenant's accounts of them."""
