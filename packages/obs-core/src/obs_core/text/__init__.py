"""Text as every package writes it."""
