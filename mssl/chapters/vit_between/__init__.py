"""The page *Between the two*."""
