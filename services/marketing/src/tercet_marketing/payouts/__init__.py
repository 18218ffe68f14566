"""Money of benefits paid into the wallets of those who hold them."""
