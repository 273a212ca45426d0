"""The web page, and the server that holds page and REST."""
