"""Every code block of the documentation runs, in the order of its page, in a folder that holds what
a clone holds.

Blocks are `python` (one namespace a page) and `sh` (bash, stops at the first failure). Any other
block, and one that cannot run here, follows a line `<!-- not run: REASON -->`, which readers do not
see.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from processes import ENVIRONMENT

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
FENCE = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^\n]+) -->\n)?^```(?P<language>\w*)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
NEEDED = {"f0": "pyworld", "train": "torch", "onnx": "onnxruntime"}
CLONED = ("recipes", "tests", "csrc", "docs")  # what commands of a page may read


@dataclass
class Block:
    line: int
    language: str
    code: str
    reason: str | None  # why it is not run


def blocks(text: str) -> Iterator[Block]:
    for match in FENCE.finditer(text):
        line = text[: match.start("code")].count("\n") + 1
        yield Block(line, match["language"], match["code"], match["reason"])


def run_block(block: Block, page: str, folder: Path, names: dict[str, object]) -> None:
    where = f"{page}:{block.line}"
    if block.reason:
        return
    if block.language == "python":
        exec(compile("\n" * (block.line - 1) + block.code, where, "exec"), names)
    elif block.language == "sh":
        commands = Path(sys.executable).parent
        environment = {**ENVIRONMENT, "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"}
        shell = ["bash", "-euo", "pipefail", "-c", block.code]
        done = subprocess.run(
            shell, cwd=folder, env=environment, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, f"{where}: {done.stderr}"
    else:
        raise AssertionError(
            f"{where}: a block of {block.language or 'no language'} that is not marked as not run"
        )


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for extra, module in NEEDED.items():
        pytest.importorskip(module, reason=f"the pages use the extra [{extra}]")
    for name in CLONED:
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks(page.read_text(encoding="utf-8")):
        run_block(block, page.name, tmp_path, names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_block_escapes(page: Path) -> None:
    """A fence that is not closed or not at the margin, and code that is merely indented."""
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r"^\n {4}.*", FENCE.sub("", text), re.M)
    assert 2 * len(list(blocks(text))) == len(re.findall(r"^\s*(?:```|~~~)", text, re.M))


def test_a_block_that_neither_runs_nor_says_why_fails(tmp_path: Path) -> None:
    (block,) = blocks("text\n```yaml\na: 1\n```\n")
    with pytest.raises(AssertionError, match="page:3: a block of yaml that is not marked"):
        run_block(block, "page", tmp_path, {})
    (block,) = blocks("<!-- not run: why -->\n```yaml\na: 1\n```\n")
    run_block(block, "page", tmp_path, {})


def anchors(page: Path) -> set[str]:
    """What GitHub names the headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings_that_are_there(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(
        r'(?:src|href)="([^"]+)"', text
    ):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def test_every_page_that_the_code_cites_has_the_cited_heading() -> None:
    """A citation is a page of docs, with or without a heading; of the specification, with one."""
    citation = re.compile(r"\bdocs/([\w-]+\.md)\b(?:#([\w-]+))?")
    kinds = {".py", ".h", ".cpp", ".c", ".md", ".yaml"}
    folders = [ROOT / name for name in ("wavehax", "csrc", "recipes", "tests")]
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in kinds]
    texts = {path: path.read_text(encoding="utf-8") for path in files}
    cited = {(*found, path) for path, text in texts.items() for found in citation.findall(text)}
    assert len({path for page, _, path in cited if page == "design.md"}) > 20
    for page, anchor, path in sorted(cited):
        assert (ROOT / "docs" / page).is_file(), f"{path}: docs/{page}"
        assert anchor or page != "design.md", f"{path}: docs/{page} without a heading"
        assert not anchor or anchor in anchors(ROOT / "docs" / page), (
            f"{path}: docs/{page}#{anchor}"
        )
