//! How to add a kind of source, step by step with `docs/adapters.md`: entities of NGSI-LD that lie in one file.
//!
//! `kind` is what the configuration knows of it, `adapter` what questions know of it. It is no kind that is built in: tests
//! build it and hold it to the contract.

mod adapter;
mod kind;

pub use self::adapter::FileAdapter;
pub use self::kind::FileKind;
