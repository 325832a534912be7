"""Draws what kernels.py measured: how much of the machine's peak everybody reaches, kernel by kernel."""

import json
import sys

COLOURS = {"ours": "#1b6ca8", "numpy": "#b0b0b0", "torch": "#e07b39", "tvm": "#6a4c93", "halide": "#5b9a4a"}


def draw(records, path):
    """Write a plot of the records to `path`, in the form its ending names.

    Each kernel has a group of bars, ours first: the peak's time over the peer's, in per cent.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    records = [record for record in records if record["ours_ms"] and record["peak_ms"]]
    figure, axes = pyplot.subplots(figsize=(9, 0.55 * len(records) + 1.5), layout="constrained")
    height = 0.8 / len(COLOURS)
    for place, (name, colour) in enumerate(COLOURS.items()):
        times = [record["ours_ms"] if name == "ours" else record["peers"].get(name) for record in records]
        shares = [100 * record["peak_ms"] / ms if ms else 0 for record, ms in zip(records, times)]
        where = [row + place * height for row in range(len(records))]
        axes.barh(where, shares, height, color=colour, label=name)
    axes.set_yticks([row + 0.4 - height / 2 for row in range(len(records))], [record["name"] for record in records])
    axes.axvline(100, color="black", linewidth=0.8)
    axes.invert_yaxis()
    axes.set_xlabel("per cent of the peak: float32 multiply-adds from registers, or copying as many bytes")
    axes.legend(loc="upper right")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        draw(json.load(file), sys.argv[2])
