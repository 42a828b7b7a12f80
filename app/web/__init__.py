"""Thin: decode, call the desk, encode."""
