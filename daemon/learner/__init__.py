"""What verdicts teach, for those who ask: reads the views, computes in a thread, and keeps what is still true."""

from daemon.learner.learner import Learner as Learner
