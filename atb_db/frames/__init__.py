"""Results as tables of Arrow, polars or pandas, typed from the declarations; no I/O. See docs/frames.md."""
