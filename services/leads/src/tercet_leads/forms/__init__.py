"""Forms: submissions from people who are not signed in."""
