"""The chapters of the book: for each page its worlds, its figures and the checks of its claims.

A room bears the name of its page. Importing this package registers all figures; the checks are
imported only by who runs them.
"""

from importlib import import_module

__all__ = ["PAGES"]

#: The files of figures in each room, both in the order of the book.
PAGES: dict[str, tuple[str, ...]] = {}

for _page, _files in PAGES.items():
    for _file in _files:
        import_module(f"{__name__}.{_page}.{_file}")
