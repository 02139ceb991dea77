"""The daemon's socket: routes, guard, feed. Asks the house it is given; owns no state of its own."""
