"""How Sphinx builds the site of the documentation (scripts/site brings the pages together).

Sphinx with MyST: antsibull-docs writes the pages of modules and roles as reStructuredText, and the pages of docs/ are
Markdown that hosting sites show as well. One tool reads both, warns of each reference
that leads nowhere, and fetches nothing.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes

project = "agentops.credentials"
author = "the agentops.credentials maintainers"
copyright = f"2026, {author}"
extensions = ["myst_parser", "sphinx_antsibull_ext"]
myst_heading_anchors = 4
html_theme = "furo"
html_title = project
html_static_path: list[str] = []
html_copy_source = False
html_show_sphinx = False
nitpicky = True
html_theme_options = {"source_repository": "https://github.com/agentops/credentials", "source_branch": "main"}
NAME_FITS = (
    ".sidebar-brand .sidebar-brand-text { font-size: 1.2rem }"
    " @media (max-width: 30em) { .content h1 { font-size: 1.3rem } }"
)
html_use_smartypants = smartquotes = False


def of_another_collection(_app: Any, _env: Any, node: nodes.Element, content: nodes.Element) -> nodes.Node | None:
    """A reference to Ansible's own documentation stays text: no inventory is fetched from elsewhere."""
    target = str(node.get("reftarget", ""))
    own = "ansible_collections.agentops.credentials."
    is_ansibles = node.get("refdomain") == "std" and node.get("reftype") == "ref" and not target.startswith(own)
    return content if is_ansibles else None


def one_line_for_the_name(_app: Any, _page: str, _template: str, context: dict[str, Any], _tree: Any) -> None:
    """The theme breaks a name that is wider than the sidebar, or than a phone, anywhere."""
    context["metatags"] = context.get("metatags", "") + f"<style>{NAME_FITS}</style>"


def setup(app: Any) -> None:
    app.connect("html-page-context", one_line_for_the_name)
    app.connect("missing-reference", of_another_collection)
