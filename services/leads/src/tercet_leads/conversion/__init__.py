"""Conversion: a lead becomes a customer with an opportunity in sales."""
