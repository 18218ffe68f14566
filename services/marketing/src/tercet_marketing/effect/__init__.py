"""Effect: what strategies, plans and campaigns cost and brought in, against those who were held out."""
