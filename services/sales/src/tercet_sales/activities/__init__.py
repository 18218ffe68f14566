"""Activities: what sellers do and mean to do, and the work of a day."""
