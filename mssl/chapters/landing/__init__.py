"""The page *Masked self-supervised learning, executed*."""
