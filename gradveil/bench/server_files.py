"""Names of the files between the benchmark and the server's process."""

WARM_UP, WORK = "warm-up", "work"
UPLOAD, UPLOADS = "{:05}.upload", "*.upload"
AGGREGATE = "aggregate"
PEAK = "peak"
