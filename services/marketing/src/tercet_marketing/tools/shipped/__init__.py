"""The tools that Tercet ships: one file and one entry point each."""
