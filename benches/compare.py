#!/usr/bin/env python3
"""Compares `quota audit` with query engines that do the same check, and prints a table.

    cargo build --release
    python3 benches/compare.py                      # 5 million rows, 5 runs
    python3 benches/compare.py --rows 200000 --runs 3 --only csv,slim

It installs DuckDB, chDB and Polars into a virtual environment, writes logs with planted faults by `benches/generate.rs`, and lets each contender
recompute every charge: in whole numbers, rounded half away from zero, at least one point. A contender counts only if it finds exactly the planted
faults. The contenders take turns, so that what else the machine does falls on all of them. An engine is timed without the start of Python, quota
with its own start. Times are medians of the runs.
"""

import argparse
import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENGINES = ["duckdb", "chdb", "polars"]

# What the generator is asked for. An unfriendly log is read by quota alone, and set against the friendly one.
LOGS = {
    "csv": ("csv", []),
    "ndjson": ("ndjson", []),
    "slim": ("slim", []),
    "sqlite": ("sqlite", []),
    "wrong": ("csv", ["wrong"]),
    "unique": ("csv", ["unique"]),
    "quoted": ("csv", ["quoted"]),
    "unsorted": ("csv", ["unsorted"]),
    "models": ("csv", ["models"]),
}
FILES = {"csv": "logs.csv", "ndjson": "logs.ndjson", "slim": "slim.csv", "sqlite": "logs.db"}


# ---------------------------------------------------------------------------------------------------------------------------------------------
# The check, in each engine's own words. Ratios are whole numbers of 10^-8, so that a product of three is in units of 10^-24:
#
#     amount   = (prompt - cached + cached · cache ratio + completion · completion ratio) · model ratio · group ratio
#     expected = max(1, (2 · amount + 10^24) div (2 · 10^24))
#
# The largest product is below 2 · 10^32: within 128 bits, signed.
# ---------------------------------------------------------------------------------------------------------------------------------------------


def duckdb(path, form, prices, threads):
    import duckdb as engine

    ratio = "CAST(CAST({} AS DECIMAL(18, 8)) * 100000000 AS HUGEINT)".format
    of_other = lambda key: ratio(f"json_extract_string(other, '$.{key}')")
    scan = {
        "csv": f"read_csv('{path}', header = true, quote = '\"', escape = '\"')",
        "ndjson": f"read_json('{path}', format = 'newline_delimited', columns = "
        "{id: 'BIGINT', prompt_tokens: 'BIGINT', completion_tokens: 'BIGINT', quota: 'BIGINT', other: 'VARCHAR'})",
        "slim": f"read_csv('{path}', header = true)",
    }[form]
    if form == "slim":
        rows = f"""SELECT 0 AS id, quota, prompt_tokens, cached_tokens AS cached, completion_tokens,
            m.model AS model_ratio, m.completion AS completion_ratio, m.cache AS cache_ratio, g.ratio AS group_ratio
            FROM {scan} l JOIN models m ON m.name = l.model_name JOIN groups g ON g.name = l."group" """
    else:
        rows = f"""SELECT id, quota, prompt_tokens, completion_tokens,
            CAST(json_extract_string(other, '$.cache_tokens') AS BIGINT) AS cached,
            {of_other('model_ratio')} AS model_ratio, {of_other('completion_ratio')} AS completion_ratio,
            {of_other('cache_ratio')} AS cache_ratio, {of_other('group_ratio')} AS group_ratio FROM {scan}"""
    check = f"""
        WITH rows AS ({rows}), charges AS (SELECT id, quota,
            ((prompt_tokens - cached)::HUGEINT * 100000000 + cached * cache_ratio + completion_tokens * completion_ratio)
                * model_ratio * group_ratio AS amount FROM rows),
        expected AS (SELECT id, quota, greatest(1, (2 * amount + 1000000000000000000000000::HUGEINT)
            // 2000000000000000000000000::HUGEINT) AS points FROM charges)
        SELECT id, quota, points::BIGINT FROM expected WHERE quota <> points"""
    base = engine.connect(config={"threads": threads})
    base.execute("CREATE TABLE models (name VARCHAR, model HUGEINT, completion HUGEINT, cache HUGEINT)")
    base.execute("CREATE TABLE groups (name VARCHAR, ratio HUGEINT)")
    for row in prices["models"]:
        base.execute("INSERT INTO models VALUES (?, ?, ?, ?)", row)
    for row in prices["groups"]:
        base.execute("INSERT INTO groups VALUES (?, ?)", row)
    begin = time.perf_counter()
    faults = base.execute(check).fetchall()
    return time.perf_counter() - begin, faults


def chdb(path, form, prices, threads):
    import chdb as engine

    ratio = lambda key: f"toInt128(toDecimal128(simpleJSONExtractRaw(other, '{key}'), 8) * 100000000)"
    settings = f"SETTINGS max_threads = {threads}, input_format_parallel_parsing = 1"
    if form == "slim":
        models = ",".join(f"('{name}', {model}, {completion}, {cache})" for name, model, completion, cache in prices["models"])
        groups = ",".join(f"('{name}', {ratio})" for name, ratio in prices["groups"])
        rows = f"""SELECT 0 AS id, quota, prompt_tokens AS prompt, cached_tokens AS cached, completion_tokens AS completion,
            m.model AS model_ratio, m.completion AS completion_ratio, m.cache AS cache_ratio, g.ratio AS group_ratio
            FROM file('{path}', 'CSVWithNames', 'model_name String, group String, prompt_tokens Int64, cached_tokens Int64,
                completion_tokens Int64, quota Int64') l
            JOIN values('name String, model Int128, completion Int128, cache Int128', {models}) m ON m.name = l.model_name
            JOIN values('name String, ratio Int128', {groups}) g ON g.name = l.group"""
    else:
        columns = "'id Int64, prompt_tokens Int64, completion_tokens Int64, quota Int64, other String'"
        scan = {"csv": f"file('{path}', 'CSVWithNames', {columns})", "ndjson": f"file('{path}', 'JSONEachRow', {columns})"}[form]
        rows = f"""SELECT id, quota, prompt_tokens AS prompt, simpleJSONExtractInt(other, 'cache_tokens') AS cached,
            completion_tokens AS completion, {ratio('model_ratio')} AS model_ratio, {ratio('completion_ratio')} AS completion_ratio,
            {ratio('cache_ratio')} AS cache_ratio, {ratio('group_ratio')} AS group_ratio FROM {scan}"""
    check = f"""
        WITH toInt128('1000000000000000000000000') AS unit
        SELECT id, quota, toInt64(points) FROM (SELECT id, quota,
            (toInt128(prompt - cached) * 100000000 + toInt128(cached) * cache_ratio + toInt128(completion) * completion_ratio)
                * model_ratio * group_ratio AS amount,
            greatest(toInt128(1), intDiv(2 * amount + unit, 2 * unit)) AS points FROM ({rows}))
        WHERE quota <> points {settings}"""
    begin = time.perf_counter()
    text = str(engine.query(check, "CSV"))
    return time.perf_counter() - begin, [tuple(int(cell) for cell in line.split(",")) for line in text.splitlines()]


def polars(path, form, prices, threads):
    os.environ["POLARS_MAX_THREADS"] = str(threads)
    import polars as engine

    col, whole = engine.col, engine.Int128
    unit = engine.lit(10**24, dtype=whole)
    scale = engine.lit(10**8, dtype=whole)

    def ratio(key):
        """A number of `other` in units of 10^-8: its digits, filled up with zeros behind the point."""
        parts = col("other").str.extract(f'"{key}":([0-9.]+)').str.split_exact(".", 1)
        fraction = parts.struct.field("field_1").fill_null("").str.pad_end(8, "0")
        return (parts.struct.field("field_0") + fraction).cast(engine.Int64).cast(whole).alias(key)

    begin = time.perf_counter()
    if form == "slim":
        models = engine.LazyFrame(prices["models"], schema=["model_name", "model_ratio", "completion_ratio", "cache_ratio"], orient="row")
        groups = engine.LazyFrame(prices["groups"], schema=["group", "group_ratio"], orient="row")
        rows = engine.scan_csv(path).join(models, on="model_name").join(groups, on="group").rename({"cached_tokens": "cached"})
        rows = rows.with_columns(engine.lit(0).alias("id"))
    else:
        columns = {"id": engine.Int64, "prompt_tokens": engine.Int64, "completion_tokens": engine.Int64, "quota": engine.Int64, "other": engine.String}
        if form == "csv":
            scan = engine.scan_csv(path, schema_overrides=columns)
        else:
            scan = engine.scan_ndjson(path, schema=columns)
        keys = ["model_ratio", "completion_ratio", "cache_ratio", "group_ratio"]
        cached = col("other").str.extract('"cache_tokens":([0-9]+)').cast(engine.Int64).alias("cached")
        rows = scan.select("id", "quota", "prompt_tokens", "completion_tokens", cached, *[ratio(key) for key in keys])
    tokens = (
        (col("prompt_tokens") - col("cached")).cast(whole) * scale
        + col("cached").cast(whole) * col("cache_ratio").cast(whole)
        + col("completion_tokens").cast(whole) * col("completion_ratio").cast(whole)
    )
    amount = tokens * col("model_ratio").cast(whole) * col("group_ratio").cast(whole)
    points = ((amount * 2 + unit) // (unit * 2)).clip(lower_bound=1).cast(engine.Int64).alias("points")
    faults = rows.select("id", "quota", points).filter(col("quota") != col("points")).collect(engine="streaming")
    return time.perf_counter() - begin, faults.rows()


# ---------------------------------------------------------------------------------------------------------------------------------------------
# Contenders. Each is run as a process of its own, whose time and largest memory are taken.
# ---------------------------------------------------------------------------------------------------------------------------------------------


class Contender:
    """A command with a name; `told` says that it prints its own seconds."""

    def __init__(self, name, command, told=False):
        self.name, self.command, self.told = name, command, told
        self.seconds, self.memory = [], 0

    def run(self):
        begin = time.perf_counter()
        process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, shell=isinstance(self.command, str))
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        # quota says 1 where it found something.
        if process.returncode not in (0, 1):
            raise SystemExit(f"{self.name}: exit {process.returncode}")
        self.seconds.append(json.loads(output)["seconds"] if self.told else time.perf_counter() - begin)
        self.memory = max(self.memory, usage.ru_maxrss)

    def median(self):
        return statistics.median(self.seconds)


def take_turns(contenders, runs):
    for _ in range(runs):
        for contender in contenders:
            contender.run()


def has_flag(quota, flag):
    return flag in subprocess.run([quota, "audit", "--help"], capture_output=True, text=True).stdout


def of_quota(options, log):
    """quota with one thread and with two, where it can be told so."""
    command = [options.quota, "audit", str(log.path), "--format", "json", "--limit", "0", *log.flags]
    if not has_flag(options.quota, "--threads"):
        return [Contender("quota", command)]
    return [Contender(f"quota, {n} thread{'s' * (n > 1)}", [*command, "--threads", str(n)]) for n in (1, 2)]


def of_engines(options, log):
    python = str(options.venv / "bin" / "python")
    command = lambda engine: [python, __file__, "--engine", engine, "--form", log.form, "--path", str(log.path), "--threads", str(options.threads)]
    return [Contender(engine, command(engine), told=True) for engine in options.engines]


# ---------------------------------------------------------------------------------------------------------------------------------------------
# Logs
# ---------------------------------------------------------------------------------------------------------------------------------------------


class Log:
    def __init__(self, options, name):
        self.name = name
        self.form, self.unfriendly = LOGS[name]
        self.folder = options.out / f"{name}-{options.rows}"
        self.path = self.folder / FILES[self.form]
        # Only a slim log needs prices from elsewhere; the rows of the others carry theirs.
        self.flags = ["--config", str(self.folder / "config.json")] if self.form == "slim" else []
        self.write(options.rows)

    def write(self, rows):
        done = self.folder / "done"
        if done.exists():
            return
        words = [word for kind in self.unfriendly for word in ("--unfriendly", kind)]
        words = ["--rows", str(rows), "--form", self.form, "--out", str(self.folder), *words]
        subprocess.run(["cargo", "bench", "--quiet", "--bench", "generate", "--", *words], cwd=ROOT, check=True, stdout=sys.stderr)
        done.touch()

    def planted(self):
        """The planted faults: number of the row, charged, expected."""
        # A slim row has no number of its own.
        begins = 2 if self.form in ("csv", "slim") else 1
        with open(self.folder / "faults.csv", newline="") as file:
            for row in csv.DictReader(file):
                number = 0 if self.form == "slim" else int(row["line"]) - begins + 1
                yield number, int(row["charged"]), int(row["expected"])

    def size(self):
        return self.path.stat().st_size


def prices_of(folder):
    """The ratios of a slim log in units of 10^-8."""
    config = json.loads((folder / "config.json").read_text(), parse_float=str, parse_int=str)

    def whole(text):
        digits, _, fraction = text.partition(".")
        return int(digits + fraction.ljust(8, "0"))

    models = [[name, *(whole(config[key][name]) for key in ("ModelRatio", "CompletionRatio", "CacheRatio"))] for name in config["ModelRatio"]]
    return {"models": models, "groups": [[name, whole(ratio)] for name, ratio in config["GroupRatio"].items()]}


def check_engine(options, log, contender):
    found = json.loads(subprocess.run([*contender.command, "--faults"], check=True, capture_output=True, text=True).stdout)["faults"]
    compare_faults(contender.name, log, sorted(map(tuple, found)))


def check_quota(options, log):
    flags = ["--format", "json", "--limit", str(options.rows), *log.flags]
    report = json.loads(subprocess.run([options.quota, "audit", str(log.path), *flags], capture_output=True, text=True).stdout)
    begins = 2 if log.form in ("csv", "slim") else 1
    number = lambda finding: 0 if log.form == "slim" else finding["line"] - begins + 1
    found = [(number(f), f["charged_points"], f["expected_points"]) for f in report["findings"]]
    compare_faults("quota", log, sorted(found))


def compare_faults(name, log, found):
    planted = sorted(log.planted())
    if found != planted:
        missed, invented = len(set(planted) - set(found)), len(set(found) - set(planted))
        raise SystemExit(f"{name} on {log.name}: {missed} faults missed, {invented} invented")
    print(f"{log.name}: {name} finds exactly the {len(planted)} planted faults", file=sys.stderr)


# ---------------------------------------------------------------------------------------------------------------------------------------------
# Tables
# ---------------------------------------------------------------------------------------------------------------------------------------------


def table(title, log, contenders, rows):
    """A line for each contender: seconds, rows a second, memory, and how many times the time of the fastest quota."""
    ours = min(c.median() for c in contenders if c.name.startswith("quota"))
    print(f"\n### {title} ({rows:,} rows, {log.size() / 1e6:,.0f} MB)\n")
    print("| | seconds | million rows a second | times quota | MiB |")
    print("|---|---|---|---|---|")
    for c in contenders:
        print(f"| {c.name} | {c.median():.3f} | {rows / c.median() / 1e6:.2f} | {c.median() / ours:.2f} | {c.memory / 1024:,.0f} |")


def against_engines(options, name):
    log = Log(options, name)
    engines = of_engines(options, log)
    check_quota(options, log)
    for engine in engines:
        check_engine(options, log, engine)
    contenders = [*of_quota(options, log), *engines, Contender("`wc -l`", ["wc", "-l", str(log.path)])]
    if name == "csv":
        flags = " ".join(log.flags)
        contenders.append(Contender("quota from a pipe", f"cat '{log.path}' | '{options.quota}' audit - --format json --limit 0 {flags}"))
    take_turns(contenders, options.runs)
    table({"csv": "CSV with `other`", "ndjson": "NDJSON", "slim": "Slim CSV"}[name], log, contenders, options.rows)


def against_sqlite(options):
    log = Log(options, "sqlite")
    check_quota(options, log)
    contenders = of_quota(options, log)
    if shutil.which("sqlite3"):
        columns = 'id, user_id, created_at, type, content, username, token_name, model_name, quota, prompt_tokens, completion_tokens, "group", request_id, other'
        contenders.append(Contender("`sqlite3`, SELECT", ["sqlite3", "-readonly", str(log.path), f"SELECT {columns} FROM logs"]))
    take_turns(contenders, options.runs)
    table("SQLite", log, contenders, options.rows)


def unfriendly(options, names):
    """quota on logs that are made to be slow, against the friendly one."""
    logs = [Log(options, name) for name in ["csv", *names]]
    contenders = []
    for log in logs:
        check_quota(options, log)
        contenders.append(of_quota(options, log)[-1])
    take_turns(contenders, options.runs)
    print(f"\n### Unfriendly logs ({options.rows:,} rows, {contenders[0].name})\n")
    print("| log | seconds | times the friendly one | MiB |")
    print("|---|---|---|---|")
    said = {
        "csv": "friendly",
        "wrong": "every charge wrong",
        "unique": "a text of its own in each `other`",
        "quoted": "every field quoted",
        "unsorted": "keys of `other` in any order",
        "models": "5,000 models",
    }
    for log, c in zip(logs, contenders):
        print(f"| {said[log.name]} | {c.median():.3f} | {c.median() / contenders[0].median():.2f} | {c.memory / 1024:,.0f} |")


# ---------------------------------------------------------------------------------------------------------------------------------------------
# The command line
# ---------------------------------------------------------------------------------------------------------------------------------------------


def install(options):
    """Installs the engines into a virtual environment of their own."""
    python = options.venv / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(options.venv)], check=True)
    missing = [engine for engine in options.engines if subprocess.run([str(python), "-c", f"import {engine}"], capture_output=True).returncode]
    if missing:
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *missing], check=True)
    # chDB has no `__version__` on some releases, so pip is asked.
    shown = subprocess.run([str(python), "-m", "pip", "list", "--format", "json"], check=True, capture_output=True, text=True).stdout
    return {package["name"]: package["version"] for package in json.loads(shown) if package["name"] in options.engines}


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown processor")
    return f"{os.cpu_count()} cores of {model}"


def run_engine(options):
    """One engine on one log, in a process of its own."""
    prices = prices_of(options.path.parent) if options.form == "slim" else {"models": [], "groups": []}
    engine = {"duckdb": duckdb, "chdb": chdb, "polars": polars}[options.engine]
    seconds, faults = engine(str(options.path), options.form, prices, options.threads)
    print(json.dumps({"seconds": seconds, "faults": [list(map(int, row)) for row in faults] if options.faults else len(faults)}))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=lambda text: int(text.replace("_", "")), default=5_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2, help="threads of the engines")
    parser.add_argument("--only", default=",".join(LOGS), help="logs, by commas: " + ", ".join(LOGS))
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--out", type=Path, default=ROOT / "target" / "compare", help="where logs and the environment are kept")
    parser.add_argument("--venv", type=Path)
    parser.add_argument("--quota", default=str(ROOT / "target" / "release" / "quota"))
    for word, kind in [("--engine", str), ("--form", str), ("--path", Path)]:
        parser.add_argument(word, type=kind, help=argparse.SUPPRESS)
    parser.add_argument("--faults", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.out = options.out.resolve()
    options.venv = options.venv or options.out / "venv"
    options.only = options.only.split(",")
    options.engines = [engine for engine in options.engines.split(",") if engine]
    return options


def main():
    options = arguments()
    if options.engine:
        return run_engine(options)
    options.out.mkdir(parents=True, exist_ok=True)
    versions = install(options)
    print(f"{machine()}; medians of {options.runs} interleaved runs; engines with {options.threads} threads")
    print(", ".join([subprocess.run([options.quota, "--version"], capture_output=True, text=True).stdout.strip(), *(f"{n} {v}" for n, v in versions.items())]))
    for name in ("csv", "ndjson", "slim"):
        if name in options.only:
            against_engines(options, name)
    if "sqlite" in options.only:
        against_sqlite(options)
    names = [name for name in ("wrong", "unique", "quoted", "unsorted", "models") if name in options.only]
    if names:
        unfriendly(options, names)


if __name__ == "__main__":
    main()
