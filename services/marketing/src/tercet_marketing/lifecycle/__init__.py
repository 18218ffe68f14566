"""Lifecycles: at which stage the relation with a party is, by rules that are judged as segments are."""
