"""Agents: who serves tickets, how much each can look after, and who holds what."""
