"""Sources (渠道): the tree of places that interest comes from."""
