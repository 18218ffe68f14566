"""Ledgers: double-entry accounts for points, budgets and limits.

Whatever is counted and may run out is counted here.
"""
