"""The service desk of Tercet."""
