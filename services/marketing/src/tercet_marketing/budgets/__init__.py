"""Budgets: money that policies and strategies may spend, each an account of its own."""
