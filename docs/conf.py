"""Sphinx's configuration: `make docs` builds the site into build/docs, without a network.

The pages of the lessons and of the API are written by pages.py before anything is read.
"""

import contextlib
import os
import sys
from pathlib import Path

from sphinx.util import inspect

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import pages  # noqa: E402

import weft  # noqa: E402

project = "Weft"
author = "The Weft authors"
copyright = author
version = release = weft.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header", "misc.highlighting_failure"]

default_role = "literal"
autodoc_typehints_format = "short"
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = "Weft"
html_static_path = ["_static"]
html_css_files = ["weft.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#3b5bbd", "color-brand-content": "#3b5bbd"},
    "dark_css_variables": {"color-brand-primary": "#8ea6f0", "color-brand-content": "#8ea6f0"},
}


def write_pages(app):
    """Lessons are run once, and again when they change; WEFT_DOCS_LESSONS=skip leaves them out."""
    run = os.environ.get("WEFT_DOCS_LESSONS") != "skip"
    pages.write_all(HERE / "generated", run)


def process_docstring(app, what, name, obj, options, lines):
    lines[:] = pages.restructured(lines)


def process_signature(app, what, name, obj, options, signature, returns):
    """A class is called as its `__init__` is (`Module.__new__` takes anything); shorter types."""
    if what == "class" and "__init__" in dir(obj):
        with contextlib.suppress(ValueError, TypeError):
            found = inspect.signature(obj.__init__, bound_method=True)
            signature = inspect.stringify_signature(found, unqualified_typehints=True)
            signature = signature.removesuffix(" -> None")
    return pages.shortened(signature), pages.shortened(returns)


def setup(app):
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", process_docstring)
    app.connect("autodoc-process-signature", process_signature)
