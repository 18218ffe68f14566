"""Assignment: which seller follows up which lead, and why."""
