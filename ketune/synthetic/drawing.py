"""Pictures: circuit diagrams by Qiskit's mpl drawer, histograms, Bloch spheres, graphs, plots.

Every picture is a 512 x 384 PNG on white, so that scaling it to 256 pixels gives one scale for
all. Circuits of up to three wires and four columns are drawn at the same size of gate, from the
top left; larger ones are shrunk to fit.
"""

import io
import os
from math import cos, pi, sin

os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from qiskit.quantum_info import Statevector
from qiskit.visualization import circuit_drawer, plot_bloch_multivector

from ketune.synthetic.circuits import build
from ketune.synthetic.sample import Drawing, Graph, Picture, Plot

CANVAS = (512, 384)
CIRCUIT_DPI = 104
# The iqp style, with S, T and Z told apart by colour as well as by letter.
CIRCUIT_STYLE = {
    "name": "iqp",
    "fontsize": 15,
    "margin": [1.05, 0.1, 0.1, 0.3],
    "displaycolor": {"s": ("#08BDBA", "#000000"), "t": ("#A56EFF", "#000000")},
}
BAR_COLOUR = "#648FFF"


def draw(picture: Drawing) -> bytes:
    """PNG bytes: the same for the same picture, with no metadata."""
    if isinstance(picture, Graph):
        pixels = _graph(picture)
    elif isinstance(picture, Plot):
        pixels = _plot(picture)
    elif picture.circuit is not None:
        pixels = _circuit(picture)
    elif picture.counts:
        pixels = _histogram(picture)
    else:
        pixels = _bloch(picture.bloch)
    return _png(pixels)


def _circuit(picture: Picture) -> Image.Image:
    assert picture.circuit is not None
    circuit = build(picture.circuit)
    if picture.measured:
        circuit.measure_all()
    figure = circuit_drawer(
        circuit, output="mpl", style=CIRCUIT_STYLE, fold=-1, plot_barriers=False, cregbundle=True
    )
    for text in figure.axes[0].texts:
        text.set_clip_on(False)  # the axes would cut the wires' labels
    figure.set_dpi(CIRCUIT_DPI)
    return _pixels(figure)


def _histogram(picture: Picture) -> Image.Image:
    figure = Figure(figsize=(5.12, 3.84), dpi=100)
    axes = figure.add_axes((0.14, 0.16, 0.83, 0.78))
    labels = [bits for bits, _ in picture.counts]
    shots = [count for _, count in picture.counts]
    bars = axes.bar(labels, shots, color=BAR_COLOUR, width=0.6)
    axes.bar_label(bars, fontsize=14)
    axes.set_ylim(0, max(shots) * 1.15)
    axes.set_ylabel("Count", fontsize=14)
    axes.tick_params(axis="x", labelsize=18)
    axes.tick_params(axis="y", labelsize=11)
    return _pixels(figure)


def _bloch(label: str) -> Image.Image:
    figure = plot_bloch_multivector(
        Statevector.from_label(label), figsize=(2.4, 2.4), font_size=11, title_font_size=12
    )
    figure.set_dpi(100)
    return _pixels(figure)


def _graph(graph: Graph) -> Image.Image:
    figure = Figure(figsize=(5.12, 3.84), dpi=100)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    angles = [pi / 2 - 2 * pi * qubit / graph.num_qubits for qubit in range(graph.num_qubits)]
    x, y = [cos(angle) for angle in angles], [sin(angle) for angle in angles]
    for a, b in graph.edges:
        axes.plot([x[a], x[b]], [y[a], y[b]], color="#444444", linewidth=3, zorder=1)
    axes.scatter(x, y, s=1500, color=BAR_COLOUR, zorder=2)
    for qubit in range(graph.num_qubits):
        axes.text(
            x[qubit],
            y[qubit],
            str(qubit),
            color="white",
            fontsize=20,
            ha="center",
            va="center_baseline",
            zorder=3,
        )
    axes.set_xlim(-1.9, 1.9)
    axes.set_ylim(-1.425, 1.425)
    axes.set_axis_off()
    return _pixels(figure)


def _plot(plot: Plot) -> Image.Image:
    figure = Figure(figsize=(5.12, 3.84), dpi=100)
    axes = figure.add_axes((0.16, 0.18, 0.8, 0.76))
    factors, values = [x for x, _ in plot.points], [y for _, y in plot.points]
    axes.plot(factors, values, "o", color=BAR_COLOUR, markersize=11)
    for factor, value in plot.points:
        axes.annotate(
            f"{value:.3f}",
            (factor, value),
            xytext=(0, 12),
            textcoords="offset points",
            ha="center",
            fontsize=14,
        )
    axes.set_xlim(0, max(factors) + 0.5)
    margin = 0.3 * (max(values) - min(values)) + 0.02
    axes.set_ylim(min(values) - margin, max(values) + margin)
    axes.set_xticks(range(max(factors) + 1))
    axes.set_xlabel("Noise factor", fontsize=14)
    axes.set_ylabel("Expectation value", fontsize=14)
    axes.tick_params(labelsize=12)
    return _pixels(figure)


def _pixels(figure: Figure) -> Image.Image:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[:, :, :3].copy()
    plt.close(figure)
    return Image.fromarray(pixels)


def _png(drawn: Image.Image) -> bytes:
    scale = min(1.0, CANVAS[0] / drawn.width, CANVAS[1] / drawn.height)
    if scale < 1.0:
        size = (int(drawn.width * scale), int(drawn.height * scale))
        drawn = drawn.resize(size, Image.Resampling.LANCZOS)
    image = Image.new("RGB", CANVAS, "white")
    image.paste(drawn, (0, 0))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()
