"""For everyone: fit once, predict many."""
