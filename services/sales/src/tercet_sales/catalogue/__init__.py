"""Products, price books and prices, and which price holds for whom."""
