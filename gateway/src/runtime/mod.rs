//! What keeps the process whole, whoever asks for whatever: who is let in and how much it may use.
//!
//! | module | owns |
//! |---|---|
//! | [`admission`] | who is let in, and what a request may use |

pub mod admission;

pub use admission::{Admission, Bounds};
