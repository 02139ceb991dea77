"""The statistics: what verdicts teach, and what would teach most. Pure; numpy does the linear algebra."""
