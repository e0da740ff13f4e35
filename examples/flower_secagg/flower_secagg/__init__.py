"""LeNet on shards of 5,000 MNIST digits under Flower, with secure aggregation."""
