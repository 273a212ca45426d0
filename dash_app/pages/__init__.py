"""One module per page: what it reads and how that is laid out."""
