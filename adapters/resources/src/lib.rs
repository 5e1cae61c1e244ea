//! What one request may use of the process, so that one caller cannot hurt another: bytes that are held for it, and time
//! to compute. Both are bounded for the process, and shared fairly between callers. It knows no entity, no source and no
//! HTTP: the gateway and its adapters stand on it.
//!
//! | module | owns |
//! |---|---|
//! | [`share`] | how much of something a caller may have while others want it, too |
//! | [`memory`] | the bytes that are held for one request |
//! | [`turns`] | threads that compute for everybody, by turns |
//! | `queue` | whose turn it is |
//! | [`gate`] | places that are few: connections to a database |
//! | [`mod@pause`] | where a computation lets others go on |
//! | [`request`] | all of it, for one request |

pub mod gate;
pub mod memory;
pub mod pause;
mod queue;
pub mod request;
pub mod share;
pub mod turns;

pub use memory::Held;
pub use pause::pause;
pub use request::{Caller, Process, Resources};

/// Why something is not done for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Exhausted {
    /// Its deadline has passed.
    #[error("the request's time is over")]
    Time,
    /// More would have to be held for it than for any one request.
    #[error("more than {most} bytes would have to be held for one request")]
    Request {
        /// How many may be held.
        most: usize,
    },
    /// It cannot be found out in a bounded number of steps.
    #[error("it would take too many steps")]
    Steps,
    /// The process is busy with others, or with as much for this caller as it may have beside them.
    #[error("the gateway is busy")]
    Process,
}
