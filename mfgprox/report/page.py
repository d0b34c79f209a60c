"""The page: template, style and script of this package, with a result in them."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterable
from html import escape
from importlib import resources
from pathlib import Path

import mfgprox
from mfgprox import atomic
from mfgprox.advice import advice
from mfgprox.plot import figure
from mfgprox.plot.style import styled
from mfgprox.report import words
from mfgprox.report.history import history_drawing
from mfgprox.report.scene import scene
from mfgprox.solution import Solution

SCRIPTS = ("data.js", "axes.js", "curves.js", "images.js", "player.js", "main.js")
DPI = 110


def report(solution: Solution) -> str:
    """The page as text. The same solution gives the same page."""
    problem = solution.problem
    title = " ".join(problem.title.split()) or "Proximal optimal transport"
    case = problem.case.text if problem.case is not None else ""
    filled = {
        "title": escape(title),
        "headline": escape(words.headline(solution)),
        "status": _status(solution),
        "case": _table(words.case_rows(solution)),
        "case_text": _details("The case file, as it was run", case),
        "sentences": _paragraphs(words.certificate_sentences(solution)),
        "statement": _quote("" if solution.flow else solution.certificate.statement),
        "values": _table(words.value_rows(solution)),
        "advice": _list("Advice", advice(solution)),
        "notes": _list("Notes", solution.notes),
        "history": _history(solution),
        "figure": _figure(solution),
        "version": escape(mfgprox.__version__),
        "style": _asset("style.css"),
        "script": "\n".join(_asset(name) for name in SCRIPTS),
        # "<" would end the element that holds the data.
        "scene": json.dumps(scene(solution), ensure_ascii=False).replace("<", "\\u003c"),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: filled[match[1]], _asset("page.html"))


def write_report(solution: Solution, path: str | Path) -> Path:
    """Write the page atomically and return its path. Raises OSError where the system refuses."""
    return atomic.write_bytes(path, report(solution).encode())


def _asset(name: str) -> str:
    return (resources.files(__package__) / "assets" / name).read_text("utf-8")


def _status(solution: Solution) -> str:
    kind, mark = ("good", "✓") if solution.converged else ("poor", "⚠")
    text = escape(solution.status.value)
    return f'<p class="status {kind}"><span aria-hidden="true">{mark}</span> {text}</p>'


def _table(rows: words.Rows) -> str:
    lines = [f'<tr><th scope="row">{escape(a)}</th><td>{escape(b)}</td></tr>' for a, b in rows]
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def _paragraphs(sentences: Iterable[str]) -> str:
    text = "\n".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
    # A true minus sign keeps a number on one line.
    return re.sub(r"(\d)e-(\d)", "\\1e−\\2", text)


def _quote(statement: str) -> str:
    return f"<blockquote><b>Certificate</b> {escape(statement)}</blockquote>" if statement else ""


def _list(heading: str, sentences: Iterable[str]) -> str:
    items = "\n".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f"<h3>{heading}</h3>\n<ul>\n{items}\n</ul>" if items else ""


def _details(summary: str, text: str) -> str:
    content = f'<pre tabindex="0">{escape(text)}</pre>'
    return f"<details><summary>{summary}</summary>{content}</details>" if text else ""


def _history(solution: Solution) -> str:
    return history_drawing(solution) or "<p>No gap was recorded while this was solved.</p>"


def _figure(solution: Solution) -> str:
    buffer = io.BytesIO()
    with styled():
        figure(solution).savefig(buffer, format="png", dpi=DPI, metadata={"Software": "mfgprox"})
    text = base64.b64encode(buffer.getvalue()).decode()
    alt = "Densities and potentials at several times, and the convergence of the solver."
    return f'<img alt="{alt}" src="data:image/png;base64,{text}">'
