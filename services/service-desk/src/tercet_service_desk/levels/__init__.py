"""Service levels: what customers are promised, and what happens before and after a promise is broken."""
