"""Compiled loops: flat functions on arrays with three space axes (nz, ny, nx)."""
