"""What sales promised to requesters, as the desk knows it."""
