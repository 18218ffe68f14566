"""Cleaning: pure functions, one a kind of value, from what was typed to one form.

Each returns a typed value with `value` and `flags`; cleaning its own result changes nothing. The caller keeps the raw
text. `clean_lead(raw)` does a whole lead.
"""

from tercet_leads.cleaning.lead import CleanLead, clean_lead

__all__ = ["CleanLead", "clean_lead"]
