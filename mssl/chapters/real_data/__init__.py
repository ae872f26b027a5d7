"""The page *Real data*."""
