"""Lists of plugins in one section: the next takes over when one fails or keeps the user waiting."""
