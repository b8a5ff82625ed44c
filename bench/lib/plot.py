"""The ratios as an SVG by gnuplot; a note where it is not installed."""
import shutil
import subprocess
import sys
import tempfile


def ratios(results, path):
    gnuplot = shutil.which("gnuplot")
    if not gnuplot:
        print("bench/run: no plot: gnuplot is not here", file=sys.stderr)
        return
    shown = [r for r in results if r.get("ratio") and r["unit"] == "ms"]
    with tempfile.NamedTemporaryFile("w", suffix=".dat", encoding="utf-8") as data:
        for i, r in enumerate(reversed(shown)):
            name = f"{r['row']}: {r['what']}".replace('"', "")
            colour = 1 if "cella" in r["what"] else 2
            data.write(f'{i} {r["median"]} {r["low"]} {r["high"]} {colour} "{name}"\n')
        data.flush()
        height = 80 + 18 * len(shown)
        script = f"""
set terminal svg size 900,{height} font "sans,11" background "white"
set output "{path}"
set title "time, milliseconds (median, middle half)"
set logscale x
set grid x
set lmargin 42
set yrange [-1:{len(shown)}]
unset key
set palette defined (1 "#1f77b4", 2 "#aaaaaa")
unset colorbox
plot "{data.name}" using 2:1:3:4:5:ytic(6) with xerrorbars pt 7 ps 0.7 lw 2 lc palette
"""
        subprocess.run([gnuplot], input=script, text=True, check=True)
