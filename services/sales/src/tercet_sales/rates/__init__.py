"""Currency rates by day, and amounts reckoned with them."""
