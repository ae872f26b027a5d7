"""Checks of the book's claims, one module a chapter; :mod:`tests.claims` gathers them."""
