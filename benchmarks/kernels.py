"""How fast the kernels of `examples/schedules` run, for each of their shapes, beside every peer's way of doing it.

Each file in cases/kernels is one kernel. We and TVM run the same scheduled program; "peak" is what the machine can do
at most, measured in the same rounds: the time of as many multiply-adds from registers, or of copying as many bytes.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import harness
import prepare

PEAK = "peak"


def main():
    """Measure, print the table, and write JSON and plot where asked to; ends with 1 when anything failed."""
    parser = harness.options(__doc__)
    parser.add_argument("--plot", metavar="FILE", help="draw speeds as shares of the peak (PNG, SVG, ...)")
    parser.add_argument("--add", action="store_true", help="keep the rows of --json's file that are not measured now")
    arguments = parser.parse_args()
    peers = harness.find_peers(arguments)
    ours = next(peer for peer in peers if peer.name == harness.OURS)
    contestants = [*peers, harness.Peer(PEAK, ours.python, ours.version)]
    harness.print_conditions(peers, arguments)
    rows = []
    for path in sorted((harness.HERE / "cases" / "kernels").glob("[!_]*.py")):
        for shape in prepare.shapes(path.stem):
            name = " ".join([path.stem, "x".join(map(str, shape.values()))])
            if not arguments.cases or any(part in name for part in arguments.cases):
                rows.append(measure(path, shape, name, contestants, arguments))
                print(line(rows[-1][1]), flush=True)
    records = [record for _, record in rows]
    if arguments.json:
        records = merged(Path(arguments.json), records, keep=arguments.add)
        Path(arguments.json).write_text(json.dumps(records, indent=1) + "\n")
    if arguments.plot:
        import plot

        plot.draw(records, arguments.plot)
    print("\n" + table(records))
    harness.tell_failures([row for row, _ in rows])


def measure(path, shape, name, peers, arguments):
    """The row of one kernel at one shape, and its record."""
    with tempfile.TemporaryDirectory() as folder:
        program = str(harness.HERE / "prepare.py")
        subprocess.run([sys.executable, program, path.stem, json.dumps(shape), folder], check=True)
        work = json.loads((Path(folder) / "work.json").read_text())
        row = harness.measure_case(path, peers, arguments, name=name, shape=shape, folder=folder)
    record = {**row.record(), **work}
    record["peak_ms"] = record["peers"].pop(PEAK, None)
    record["ratio"].pop(PEAK, None)
    record["build_ms"] = {peer: facts["build_ms"] for peer, facts in row.facts.items() if "build_ms" in facts}
    return row, record


def merged(path, records, *, keep):
    """The records in the file at `path`, if they are to be kept, with the new ones in their places or after them."""
    old = json.loads(path.read_text()) if keep and path.exists() else []
    by_name = {record["name"]: record for record in [*old, *records]}
    return list(by_name.values())


def rate(record):
    """Our speed, in GFLOP/s where the peak is that of multiply-adds, in GB/s where it is that of copying."""
    if not record["ours_ms"]:
        return "failed"
    if record["operations"] > 4 * record["bytes"]:
        return f"{record['operations'] / record['ours_ms'] / 1e6:.0f} GFLOP/s"
    return f"{record['bytes'] / record['ours_ms'] / 1e6:.0f} GB/s"


def share(record):
    """Our speed in per cent of the peak."""
    if not (record["ours_ms"] and record["peak_ms"]):
        return ""
    return f"{100 * record['peak_ms'] / record['ours_ms']:.0f} %"


def cells(record):
    """A row of the table: name, our time, speed and share of the peak, the peers' times and ratios, building."""
    row = [record["name"], harness.show_time(record["ours_ms"]), rate(record), share(record)]
    for peer in ("numpy", "torch", "tvm", "halide"):
        ratio = record["ratio"].get(peer)
        row.append("" if ratio is None else f"{harness.show_time(record['peers'][peer])} {ratio:.2f}x")
    builds = record["build_ms"]
    row.append(" / ".join(f"{builds[peer]:.0f}" for peer in ("tensorir", "tvm") if peer in builds))
    return row


HEADER = ["kernel", "ours", "speed", "of peak", "numpy", "torch", "TVM", "Halide", "build ms, ours / TVM"]


def line(record):
    """A row as it comes."""
    return "  ".join(cell for cell in cells(record) if cell)


def table(records):
    """The table in Markdown."""
    lines = [HEADER, ["---"] * len(HEADER), *map(cells, records)]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


if __name__ == "__main__":
    main()
