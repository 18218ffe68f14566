"""Intake: what customers write is fetched from providers that are asked instead of telling, each message once."""
