"""What the version before relies on in the database, and what migrations may do to it."""
