"""Users and employees: the people who sign in, and where they work."""
