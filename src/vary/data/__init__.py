"""Samples, the engines that make them and the shards that hold them."""
