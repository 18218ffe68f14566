"""Assets: individual things, what they are part of, who has them, their warranty, and when they did not work."""
