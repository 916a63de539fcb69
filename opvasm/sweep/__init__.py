"""Many explorations at once: planned, run on all cores or on a cluster, kept, merged, told."""
