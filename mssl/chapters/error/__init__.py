"""The page *The error of a masked predictor*."""
