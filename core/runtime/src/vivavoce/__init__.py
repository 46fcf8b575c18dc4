"""Voice agents by configuration."""
