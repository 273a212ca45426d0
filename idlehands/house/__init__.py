"""Standing up the HQ host: broker, database, certificates and the processes of HQ."""
