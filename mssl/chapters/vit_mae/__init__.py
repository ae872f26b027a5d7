"""The page *Masked autoencoding learns both*."""
