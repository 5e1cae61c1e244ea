//! What the benchmarks share: data to translate, the hot paths, and the bare transforms that Kakehashi is measured
//! against.

pub mod bare_records;
pub mod bare_transform;
pub mod geometry;
pub mod hot_paths;
pub mod planning;
pub mod query_language;
pub mod scaled_policies;
pub mod workload;
