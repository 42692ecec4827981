"""Files become arrays: the only room that reads foreign ones. Touch it when a kind of file or a dataset changes."""
