"""What instruments write, recorded from the real libraries and written by hand."""
