"""Files to arrays, one reader per family of files; only here is a file's content trusted, after its checks."""
