//! Every text that a person can be told has its Japanese, and the table of messages says what is in the code.

// As a test module its helpers may unwrap and index, as tests may.
#[cfg(test)]
mod catalogue {
    mod advice;
    mod agreement;
    mod completeness;
    mod reading;
    mod table;
}
