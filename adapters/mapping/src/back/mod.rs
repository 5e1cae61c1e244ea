//! Entities of the view back to records, as far as a mapping says how: what becomes of a record, and what would not come back from
//! the platform as it was written. It sends nothing.

mod inverse;
mod lost;
mod made;
mod tree;
mod trial;

pub use self::lost::{Lacks, Lost, LostWhole, Refused};
pub use self::made::{Wanted, is_same, read_back};
pub use self::tree::{Elsewhere, Node, select};
pub use self::trial::NotBack;
pub(crate) use self::trial::WriteTrial;
