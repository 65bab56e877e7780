"""What is seen as files: a sheet as PNG and SVG; the prediction and every map's positions as CSV."""

from __future__ import annotations

import csv
import io
import warnings
from pathlib import Path

from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG

from regard.app.look import Looked
from regard.files import csv_name, write_atomically
from regard.plot import method_sheet, rasterize, write_png


def export_looked(looked: Looked, folder: Path) -> list[Path]:
    """Writes ``maps.png``, ``maps.svg``, ``prediction.csv`` and ``maps.csv`` into a folder.

    Raises:
        RegardError: a file cannot be written.
    """
    sheet = {map.label: map.map for map in looked.maps}
    files = []
    if sheet:
        title = f"{looked.name}: {looked.prediction}"
        files.append(write_png(folder / "maps.png", rasterize(method_sheet(looked.picture, sheet, title=title))))
        files.append(write_atomically(folder / "maps.svg", _svg(looked, title)))
    files.append(write_atomically(folder / "prediction.csv", prediction_csv(looked)))
    files.append(write_atomically(folder / "maps.csv", maps_csv(looked)))
    return files


def prediction_csv(looked: Looked) -> str:
    """A row per class, the likeliest first: picture, class, probability, and whether it is explained."""
    rows = [["picture", "class", "probability", "role"]]
    roles = {looked.target: "explained", looked.against: "against"}
    for index in looked.probabilities.argsort(descending=True, stable=True).tolist():
        names = csv_name(looked.name), csv_name(looked.subject.classes[index])
        rows.append([*names, f"{float(looked.probabilities[index]):.6g}", roles.get(index, "")])
    return _table(rows)


def maps_csv(looked: Looked) -> str:
    """A row per method and position of its grid: picture, method, unit, row, column, value."""
    rows = [["picture", "method", "unit", "row", "column", "value"]]
    for map in looked.maps:
        for y, line in enumerate(map.values.tolist()):
            rows += [
                [csv_name(looked.name), map.method, map.map.unit, str(y), str(x), f"{value:.6g}"]
                for x, value in enumerate(line)
            ]
    return _table(rows)


def _table(rows: list[list[str]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()


def _svg(looked: Looked, title: str) -> bytes:
    """The sheet as a drawing whose texts stay texts."""
    figure, file = method_sheet(looked.picture, {m.label: m.map for m in looked.maps}, title=title), io.BytesIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "regard"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None})
    return file.getvalue()
