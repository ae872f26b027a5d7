"""Random settings for the theory, each checked against facts that share no code with it."""
