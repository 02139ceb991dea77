"""What a picture shows, held against what its prompt asked for, and what follows from that for the next prompts."""
