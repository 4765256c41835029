"""What both training runs need: a learning-rate schedule, averaged weights, checkpoints, a log with times."""
