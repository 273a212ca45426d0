"""What people import and type: the Python client and the command line."""
