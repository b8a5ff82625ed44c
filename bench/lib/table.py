"""Text: one small table a row."""


def number(x):
    return f"{x:.0f}" if abs(x) >= 1000 else f"{x:.1f}" if abs(x) >= 100 else f"{x:.2f}" if abs(x) >= 1 else f"{x:.3f}"


def of_row(name, title, results):
    """The ratio is to the line marked `base`, or to the first one."""
    base = next((r for r in results if r.get("base")), results[0] if results else None)
    lines = [["", "median", "", "middle half", "ratio", "n"]]
    for r in results:
        if "ratio" not in r and base and base["median"] and r["unit"] == base["unit"]:
            r["ratio"] = r["median"] / base["median"]
        ratio = f"{r['ratio']:.2f}" if "ratio" in r else ""
        lines.append([r["what"], number(r["median"]), r["unit"], f"{number(r['low'])} .. {number(r['high'])}", ratio, str(r["n"])])
    widths = [max(len(line[i]) for line in lines) for i in range(6)]
    out = [f"== {name}: {title}"]
    for line in lines:
        cells = [c.ljust(w) if i in (0, 2) else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths))]
        out.append("  " + "  ".join(cells).rstrip())
    return "\n".join(out)
