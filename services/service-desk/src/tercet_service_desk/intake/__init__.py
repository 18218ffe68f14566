"""Intake: what requesters write through any channel becomes tickets, or goes where it belongs."""
