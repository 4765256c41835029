"""A student of one's own: from a manifest of records to a model folder, with or without a teacher."""
