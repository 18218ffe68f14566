"""Times: how long people worked on tickets."""
