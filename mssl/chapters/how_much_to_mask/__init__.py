"""The page *How much to mask*."""
