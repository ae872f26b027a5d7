"""The page *Random matrices in one chapter*."""
