"""Modal (https://modal.com) as a place to deploy agents to."""
