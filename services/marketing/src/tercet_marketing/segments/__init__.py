"""Segments: who fits a condition now, kept up to date as profiles, facts and time move on."""
