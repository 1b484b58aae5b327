"""Pages that stand elsewhere in the repository: notebooks, results, two root files."""

import re
from pathlib import Path

import latex2mathml.converter
import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from nbconvert import MarkdownExporter

ROOT = Path(__file__).parents[1]
_FORMULA = re.compile(
    r'<(?:span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</(?:span|div)>', re.DOTALL
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for name in ("CONTRIBUTING", "CHANGELOG"):
        text = (ROOT / f"{name}.md").read_text(encoding="utf-8")
        page = f"{name.lower()}.md"
        files.append(
            File.generated(config, page, content=text.replace("](docs/", "]("))
        )
    for path in (ROOT / "results").rglob("*"):
        if path.suffix in (".md", ".png"):
            place = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, place, abs_src_path=str(path)))
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        for place, content in _notebook(path):
            files.append(File.generated(config, f"notebooks/{place}", content=content))
    return files


def _notebook(path: Path):
    """The page of a notebook and its figures."""
    notebook = nbformat.read(path, as_version=4)
    figures = {"unique_key": path.stem, "output_files_dir": path.stem}
    text, resources = MarkdownExporter().from_notebook_node(notebook, figures)
    # The page lies in a folder that has its name, beside the figures.
    yield f"{path.stem}.md", text
    yield from resources["outputs"].items()


def on_page_markdown(markdown: str, **_) -> str:
    """Links to what stands elsewhere in the repository: on the site it is a page."""
    markdown = re.sub(
        r"\]\(\.\./notebooks/(\w+)\.ipynb", r"](notebooks/\1.md", markdown
    )
    for name in ("CONTRIBUTING", "CHANGELOG"):
        markdown = markdown.replace(f"](../{name}.md", f"]({name.lower()}.md")
    return markdown.replace("](../results/", "](results/")


def on_page_content(html: str, **_) -> str:
    """Formulas as MathML, which browsers show without a script."""
    return _FORMULA.sub(_mathml, html)


def _mathml(match: re.Match) -> str:
    shown = "block" if match[1] == "[" else "inline"
    latex = match[2].replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
    latex = latex.replace("{aligned}", "{align*}")  # the name that the converter knows
    formula = latex2mathml.converter.convert(latex, display=shown)
    return f'<div class="formula">{formula}</div>' if shown == "block" else formula
