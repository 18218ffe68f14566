"""Sales: what we will sell, to whom, at what price, and what each customer is worth."""
