"""A Prediction becomes bytes: formats, overlays, tables, the report."""
