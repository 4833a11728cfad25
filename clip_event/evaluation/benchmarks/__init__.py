"""Official files of benchmarks of pairs, one file each: what they say, and what their authors count."""
