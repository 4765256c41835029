"""Records divided among processes: by hand, by Ray Data and by Spark; compared, killed and measured."""
