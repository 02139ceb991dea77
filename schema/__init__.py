"""The words that daemon, agent and terminal share. Imports none of them and does no IO."""
