"""What keeps a house from growing for ever: retention, unreferenced blobs, a log behind a snapshot."""
