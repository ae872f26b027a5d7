"""The page *Contrastive learning sees the global area*."""
