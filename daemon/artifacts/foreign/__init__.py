"""Reads how a picture was made, whatever program wrote it: texts out of containers, and what each program means."""
