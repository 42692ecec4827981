"""Draws training episodes; changes no weight, measures nothing."""
