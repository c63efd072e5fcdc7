"""Paging people until somebody acknowledges."""
