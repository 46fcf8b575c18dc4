"""One conversation: the straight road from the client's sound to the agent's, and the turns on it."""
