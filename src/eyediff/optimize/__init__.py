"""Optimise an image by the gradient of a metric. The result shows what the metric measures. The package needs torch."""
