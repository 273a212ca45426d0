"""A good guest: when jobs may run on a computer that belongs to somebody, and how they leave."""
