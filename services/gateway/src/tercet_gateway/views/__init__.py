"""Views: saved lists, and pages that gather from every service."""
