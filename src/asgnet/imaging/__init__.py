"""Pure functions on arrays: resizing, components, overlap, drawing. No model, no files."""
