"""Benchmarks: `python -m benchmarks peers|scaling|kernels|runs|startup|all`.

Each part is a module with a NAME and
    run(output: Path, quick: bool) -> Path: measures and returns the JSON file it wrote there,
    table(path: Path) -> str: the JSON file as Markdown,
    plot(path: Path) -> list[Path]: PNG files beside the JSON file.
"""
