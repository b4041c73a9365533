"""Renderers: Python values as light, beautiful HTML for decks.

Importing this package imports no other: each renderer is loaded when it is first named, and the library
that it needs when it first renders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from obs_core.lazy import lazy_names
from obs_renderers.__about__ import __version__

if TYPE_CHECKING:
    from obs_renderers.arrays import ArrayRenderer
    from obs_renderers.arrow import ArrowRenderer
    from obs_renderers.box import BoxRenderer
    from obs_renderers.datasets import DatasetRenderer
    from obs_renderers.dependencies import PythonDependencyRenderer
    from obs_renderers.figures import AltairRenderer, MatplotlibRenderer, PlotlyRenderer
    from obs_renderers.gantt import GanttChartRenderer
    from obs_renderers.html_repr import HtmlReprRenderer
    from obs_renderers.image import ImageRenderer
    from obs_renderers.markdown import MarkdownRenderer
    from obs_renderers.notebook import NotebookRenderer
    from obs_renderers.objects import ObjectRenderer
    from obs_renderers.profiling import FrameProfilingRenderer
    from obs_renderers.source_code import SourceCodeRenderer
    from obs_renderers.table import TableRenderer
    from obs_renderers.top_frame import TopFrameRenderer
    from obs_renderers.tracebacks import TracebackRenderer
    from obs_renderers.tree import TreeRenderer

__all__ = [
    "AltairRenderer",
    "ArrayRenderer",
    "ArrowRenderer",
    "BoxRenderer",
    "DatasetRenderer",
    "FrameProfilingRenderer",
    "GanttChartRenderer",
    "HtmlReprRenderer",
    "ImageRenderer",
    "MarkdownRenderer",
    "MatplotlibRenderer",
    "NotebookRenderer",
    "ObjectRenderer",
    "PlotlyRenderer",
    "PythonDependencyRenderer",
    "SourceCodeRenderer",
    "TableRenderer",
    "TopFrameRenderer",
    "TracebackRenderer",
    "TreeRenderer",
    "__version__",
]

_MODULES = {
    "AltairRenderer": "figures",
    "ArrayRenderer": "arrays",
    "ArrowRenderer": "arrow",
    "BoxRenderer": "box",
    "DatasetRenderer": "datasets",
    "FrameProfilingRenderer": "profiling",
    "GanttChartRenderer": "gantt",
    "HtmlReprRenderer": "html_repr",
    "ImageRenderer": "image",
    "MarkdownRenderer": "markdown",
    "MatplotlibRenderer": "figures",
    "NotebookRenderer": "notebook",
    "ObjectRenderer": "objects",
    "PlotlyRenderer": "figures",
    "PythonDependencyRenderer": "dependencies",
    "SourceCodeRenderer": "source_code",
    "TableRenderer": "table",
    "TopFrameRenderer": "top_frame",
    "TracebackRenderer": "tracebacks",
    "TreeRenderer": "tree",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
