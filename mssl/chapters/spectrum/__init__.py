"""The page *What the learned matrix looks like*."""
