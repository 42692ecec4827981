"""Pictures and questions: the only room that trusts a file."""
