"""Placements (投放): tracked links and their QR codes."""
