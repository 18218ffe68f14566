"""Customers: a person or company as one selling unit knows it, and the contacts at a company."""
