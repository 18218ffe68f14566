"""Marketing of Tercet."""
