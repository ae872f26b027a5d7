"""The page *One coordinate at a time*."""
