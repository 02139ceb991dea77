"""How the daemon comes to trust an agent, by a code or a token that a person carried."""
