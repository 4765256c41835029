"""Behind scripts/distill.py: from a manifest of records to a student's model folder, with or without a teacher."""
