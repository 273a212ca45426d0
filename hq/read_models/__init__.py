"""Read models: folds of the event log in MongoDB, for pages, tables and a quick start of HQ."""
