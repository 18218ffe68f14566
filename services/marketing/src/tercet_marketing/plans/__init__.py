"""Plans: strategies over a time, and the calendar of what runs and is due."""
