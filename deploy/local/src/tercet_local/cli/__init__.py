"""The `tercet` command line: one file a group of commands."""
