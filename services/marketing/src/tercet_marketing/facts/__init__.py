"""Facts: what somebody did or what happened to them, once per event, to be counted and summed."""
