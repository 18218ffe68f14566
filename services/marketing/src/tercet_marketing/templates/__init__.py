"""Templates: what is written, in each language and for each channel."""
