"""What a server keeps and does: state, jobs, workers, SQLite; knows no HTTP."""
