//! What policies grant, tried on whole configurations: permits, classes, conditions, files.

// As a test module its helpers may unwrap and index, as tests may.
#[cfg(test)]
mod policies;
