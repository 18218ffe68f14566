"""Known customers: a copy of what sales announces, so that they are not disturbed."""
