"""Gateway: who may do what, and how the outside talks to Tercet."""
