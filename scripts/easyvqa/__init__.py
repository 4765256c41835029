"""The easy-VQA data set and unlimited further pictures and questions in the same style.

Used by both trainings (``train_blip.py``, ``train_student.py``) and by the evaluation.
Only the data set's *train* part is ever used for training; its test part is for the final figure.
"""
