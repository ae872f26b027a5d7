"""The page *How near the limit*."""
