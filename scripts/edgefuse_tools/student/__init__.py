"""The student: one small graph that answers from a picture, a typed question and a spoken question, any of them absent."""
