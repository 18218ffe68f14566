"""Qualification: versioned rules that say when a lead is ripe."""
