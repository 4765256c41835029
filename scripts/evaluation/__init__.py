"""What ``evaluate_easyvqa.py`` is made of: the binary, the spoken test questions, the figures."""
