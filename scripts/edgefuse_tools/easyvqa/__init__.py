"""The easy-VQA data set and unlimited further pictures and questions in the same style.

Used by training (`train_blip`, `train_student`) and by `evaluate_easyvqa`.
Training only uses the data set's *train* part; its test part is for the final figures.
"""
