"""Results of pictures that are never whole in memory: rows in, files out. Touch it when an output learns to stream."""
