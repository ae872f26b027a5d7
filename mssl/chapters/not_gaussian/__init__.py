"""The page *Not Gaussian, not known*."""
