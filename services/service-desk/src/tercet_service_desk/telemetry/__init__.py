"""Telemetry: devices, their readings, and the alarms that come of them."""
