"""Text as people and files get it: masked, bounded, in units, as wide as a terminal."""
