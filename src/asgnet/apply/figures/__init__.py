"""Pictures for people to look at; nothing depends on them."""
