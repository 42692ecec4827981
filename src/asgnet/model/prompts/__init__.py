"""The prompt network: a picture's features, clicks, a box and an earlier mask become a mask."""
