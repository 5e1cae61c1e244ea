//! The place of what a source tells of how its entities were: the temporal evolution of clauses 5.6.11 to 5.6.16, 5.7.3 and
//! 5.7.4. No kind of source has it yet, and no operation asks for it: what is asked stands here with the first that does.

use std::fmt;

/// A source that keeps how its entities were.
pub trait History: Send + Sync + fmt::Debug {}
