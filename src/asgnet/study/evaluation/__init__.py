"""Measures only: frozen episodes in, figures out."""
