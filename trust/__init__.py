"""Keys, signatures and sealed secrets: who vouches for what, and who alone may read it."""
