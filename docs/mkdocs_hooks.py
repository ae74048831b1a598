"""Hooks of MkDocs: pages from all over the repository, and one for each public module.

A page of the site has the path that its source has in the repository.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PAGES = ("*.md", "docs/*.md", "recipes/**/*.md", "wavehax/models/*.md")
ASSETS = ("docs/*.svg", "docs/*.png", "docs/samples/*")
COMMANDS = "cli"  # the package of the command line, which is no interface for Python
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def public_modules() -> list[str]:
    """Names of all modules without an underscore, packages before their modules."""
    names = []
    for path in sorted((ROOT / "wavehax").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        if not any(part.startswith("_") for part in parts) and parts[1:2] != (COMMANDS,):
            names.append(".".join(parts))
    return sorted(names)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Append the modules to the navigation, those of a subpackage in a section of their own."""
    sections: dict[str, list[dict[str, str]]] = {}
    for name in public_modules():
        package = (
            ".".join(name.split(".")[:2])
            if (ROOT / Path(*name.split(".")[:2])).is_dir()
            else "wavehax"
        )
        sections.setdefault(package, []).append({name: f"api/{name}.md"})
    top = sections.pop("wavehax")
    config.nav.append(
        {"Python API": [*top, *({package: pages} for package, pages in sections.items())]}
    )
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Replace the files of docs/ by those of the repository and the generated pages."""
    found = sorted(path for pattern in (*PAGES, *ASSETS) for path in ROOT.glob(pattern))
    uris = [path.relative_to(ROOT).as_posix() for path in found]
    here = [File(uri, str(ROOT), config.site_dir, config.use_directory_urls) for uri in uris]
    texts = {f"api/{name}.md": f"# {name}\n\n::: {name}\n" for name in public_modules()}
    generated = [File.generated(config, uri, content=text) for uri, text in texts.items()]
    return Files([*here, *generated])


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links to files outside the site into links to the repository, or into text."""

    def replaced(match: re.Match[str]) -> str:
        text, path, anchor = match[1], match[2], match[3] or ""
        target = (ROOT / page.file.src_uri).parent.joinpath(path).resolve()
        if "://" in path or not target.is_relative_to(ROOT) or not target.exists():
            return match[0]
        uri = target.relative_to(ROOT).as_posix()
        if files.get_file_from_path(uri):
            return match[0]
        if files.get_file_from_path(f"{uri}/README.md"):
            return f"[{text}]({path.rstrip('/')}/README.md{anchor})"
        kind = "tree" if target.is_dir() else "blob"
        return f"[{text}]({config.repo_url}/{kind}/HEAD/{uri}{anchor})" if config.repo_url else text

    return LINK.sub(replaced, markdown)
