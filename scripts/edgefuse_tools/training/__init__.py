"""What both training runs need: the loop, a learning-rate schedule, averaged weights, checkpoints, a log with times."""
