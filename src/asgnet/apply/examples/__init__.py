"""Examples as they come, arrays, files or folders, become checked supports; nothing is fitted here."""
