"""Access: from password, refresh token or API key to a principal."""
