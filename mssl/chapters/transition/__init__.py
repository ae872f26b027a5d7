"""The page *When the signal appears*."""
