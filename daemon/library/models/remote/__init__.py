"""Sites that offer models, asked only where a person has switched it on: look-up, search and download."""
