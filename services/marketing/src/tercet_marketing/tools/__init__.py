"""Tools: what is done for somebody. Each is a plugin; numbers come from policies."""
