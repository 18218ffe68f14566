"""Units: the one tree that owns every record."""
