"""A box and clicks become a mask, for examples that nobody has painted."""
