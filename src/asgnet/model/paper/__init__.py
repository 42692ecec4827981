"""What the paper prints, equation numbers beside the lines; only a mistake in reading the paper may change it."""
