"""edgefuse in engines that divide work among processes and machines: Ray Data and Spark."""
