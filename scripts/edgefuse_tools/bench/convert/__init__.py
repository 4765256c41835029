"""The same weights in the form that each engine reads."""
