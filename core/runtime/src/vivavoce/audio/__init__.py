"""Sound at the edges: Opus, Ogg, files and sample rates."""
