"""The page *The bridge*."""
