"""What happens in the house, brought to the pages that are open."""
