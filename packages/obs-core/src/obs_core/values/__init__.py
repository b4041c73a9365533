"""How single values are drawn and found by their type."""
