"""One annotation dialect a file, one shape out (annotated.py); a new dialect is a new file and a line in read.py."""
