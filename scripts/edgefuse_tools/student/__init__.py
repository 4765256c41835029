"""The student: one small graph that answers from a picture, a typed question and a spoken question, each optional."""
