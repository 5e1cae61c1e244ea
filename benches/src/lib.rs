//! What the benchmarks share: data to translate, and the bare transform that Kakehashi is measured against.

pub mod bare_transform;
pub mod workload;
