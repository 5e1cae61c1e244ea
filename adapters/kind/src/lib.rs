//! What a kind of source is to the configuration: the one place that a kind has.
//!
//! | module | owns |
//! |---|---|
//! | `kind` | [`Kind`]: its name, what it says of itself, its keys, how its table is read |
//! | `settings` | [`Settings`]: what the table of one source says, and the factory that makes its adapter of that |
//! | `keeping` | what a kind is given that keeps what it has read, and what it says of it |
//! | `key` | [`Key`]: a key of the table, as data: schema and documentation are made of it |
//! | `table` | [`Table`]: the table that a kind reads, whoever has the file, so that a finding points at its line |
//!
//! Each kind exports one [`Kind`]; `kakehashi-adapters` lists those that are built in. Whoever reads the configuration,
//! builds a revision of it or shows it to administrators knows kinds by these traits alone. A kind reads no file of the
//! configuration by itself and knows no tenant's rights. How to write one is said in `docs/adapters.md`.

mod constants;
mod keeping;
mod key;
mod kind;
mod settings;
mod table;

pub use kakehashi_index::Memory;

pub use self::constants::constants;
pub use self::keeping::{Forgets, HeldBack, Keeping, Keeps, ReadStatus, Remembers, Suspicion, memory_of_read};
pub use self::key::{Floor, Judged, Key, Value, WhenAbsent};
pub use self::kind::{Kind, Transport, WrongType};
pub use self::settings::{Address, CannotOpen, Opened, Opening, Settings, Upkeep};
pub use self::table::{At, Made, NamedFile, Table, http_endpoint, http_url, parsed};
