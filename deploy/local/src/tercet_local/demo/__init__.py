"""The sample company: set up, fed with leads and worked for a week, all through the public API, all from one seed."""
