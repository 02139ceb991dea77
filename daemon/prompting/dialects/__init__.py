"""One file for each way a prompt pack is written."""
