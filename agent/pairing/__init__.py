"""How an agent comes to trust one daemon, and nobody else."""
