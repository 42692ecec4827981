"""The command line: parse, call, print; heavy modules are imported inside functions."""
