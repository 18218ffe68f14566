"""Relations between parties, each from a day to a day: dealer, store, headquarters, guide, provider."""
