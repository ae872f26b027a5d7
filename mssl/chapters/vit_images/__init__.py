"""The page *Images with global and local areas*."""
