"""Attention: one test file for each module of ``mssl.vit``."""
