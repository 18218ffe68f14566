"""Opportunities in pipelines with gates, and how certain each is."""
