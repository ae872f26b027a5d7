"""The page *Masked regression against PCA*."""
