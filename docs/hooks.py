"""One set of pages for two readers: in the source tree, and as a site, which has only what lies in docs/.

A page may link to any file of the repository, by its path in the source tree. In the site such a link leads

* to the API page of its room, where the file is source code of the package and the room has such a page;
* to the page made of it, where there is one: ``PAGES`` below, and those of ``notebooks/``, which ``make docs`` runs;
* otherwise to the file itself, which is put beside the pages, under its path in the repository.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
PAGES = {"CHANGELOG.md": "CHANGELOG.md", "CONTRIBUTING.md": "CONTRIBUTING.md", "README.md": "index.md"}
"""File of the root -> page of the site."""
LINK = re.compile(r"(?<=\]\()([^)\s#]+)")
CODE = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)

log = get_plugin_logger("links")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Makes pages of the root's files."""
    for name, page in PAGES.items():
        if name == page:
            files.append(File(name, str(ROOT), config.site_dir, config.use_directory_urls))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turns links that leave docs/ into links that the site has."""
    source, docs = page.file.abs_src_path, Path(config.docs_dir)
    if source is None:
        return markdown

    def lead(match: re.Match[str]) -> str:
        if ":" in match[0]:  # a web address
            return match[0]
        target = Path(os.path.normpath(Path(source).parent / match[0]))
        if target.is_relative_to(docs):
            found = target.relative_to(docs).as_posix()
        elif target.is_relative_to(ROOT):
            found = _in_site(target.relative_to(ROOT), config, files)
        else:
            return match[0]
        return os.path.relpath(found, Path(page.file.src_uri).parent)

    parts = CODE.split(markdown)
    return "".join(part if k % 2 else LINK.sub(lead, part) for k, part in enumerate(parts))


def _in_site(path: Path, config: MkDocsConfig, files: Files) -> str:
    """Where a file outside docs/ is in the site; what is nowhere is left for mkdocs to complain of."""
    if path.as_posix() in PAGES:
        return PAGES[path.as_posix()]
    if path.parts[0] == "notebooks":
        return f"notebooks/{path.stem}.md"
    if path.parts[:2] == ("src", "regard") and (ROOT / path).exists():
        room = "regard" if len(path.parts) < 3 else Path(path.parts[2]).stem
        if files.get_file_from_path(f"api/{room}.md"):
            return f"api/{room}.md"
    if (ROOT / path).is_file() and files.get_file_from_path(path.as_posix()) is None:
        copied = File(path.as_posix(), str(ROOT), config.site_dir, False, inclusion=InclusionLevel.INCLUDED)
        files.append(copied)
    return path.as_posix()
