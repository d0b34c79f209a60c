"""The documentation site: sphinx-build -W docs build/site. Pages with code cells are executed."""

import os
import re
import sys
from pathlib import Path

from docutils import nodes
from docutils.utils.math import latex2mathml
from sphinx.errors import ExtensionError

import mfgprox

project = "mfgprox"
copyright = "the mfgprox developers"
version = release = mfgprox.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx_copybutton", "sphinx-mathjax-offline"]
exclude_patterns = ["images"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3

# Code cells run in a folder of their own, find the command of this environment, and fail the build.
os.environ["PATH"] = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_timeout = 300
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 80

html_theme = "furo"
html_title = f"mfgprox {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
copybutton_exclude = ".linenos, .gp, .go"


def leave_the_site(app, docname, source):
    """Links to files of the repository outside of docs/ are for readers of the repository."""
    source[0] = re.sub(r"\[([^\]]+)\]\(\.\./([^)#]+)\)", r"\1 (`\2`)", source[0])


def docstring_as_text(app, what, name, obj, options, lines):
    """Our docstrings are plain text with formulas, not reStructuredText: say so to Sphinx."""
    shown, block = [], False
    for line in lines:
        indented = line.startswith("    ")
        if indented and not block:
            shown += ["", "::", ""]
        elif block and not indented and line:
            shown.append("")
        if re.match(r"[A-Za-z_][\w, ]{0,40}: |Raises |Returns |Attributes ", line):
            shown.append("")
        if line:
            block = indented
        shown.append(line if indented else _escaped(line))
    lines[:] = shown


def _escaped(line):
    parts = re.split(r"(`[^`]+`)", line)
    return "".join(f"`{p}`" if p[:1] == "`" else re.sub(r"([\\*|_])", r"\\\1", p) for p in parts)


def formulas_are_sound(app, doctree):
    """The browser would only show a formula with a mistake in red; here it fails the build."""
    for node in doctree.findall(lambda n: isinstance(n, nodes.math | nodes.math_block)):
        try:
            latex2mathml.tex2mathml(node.astext(), as_block=isinstance(node, nodes.math_block))
        except Exception as error:
            raise ExtensionError(f"{node.source}: {node.astext()!r}: {error}") from error


def setup(app):
    app.connect("source-read", leave_the_site)
    app.connect("autodoc-process-docstring", docstring_as_text)
    app.connect("doctree-read", formulas_are_sound)
