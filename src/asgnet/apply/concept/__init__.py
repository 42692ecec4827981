"""The concept file, and what can be done with it without a network."""
