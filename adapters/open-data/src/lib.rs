//! Files as municipalities publish them, by URL or in a folder: read at an interval, kept in memory, and answered from there
//! exactly. Why: `docs/decisions/open-data-in-memory.md`.
//!
//! Only what may be kept of an entity ever stands in the index: what is not is dropped record by record while the file is read,
//! and nothing of it is written anywhere.
//!
//! | module | owns |
//! |---|---|
//! | `kind` | its settings in the configuration, and the factory |
//! | `origin` | where the files are, and whether they have changed |
//! | `web` | fetching one file, and where redirections may lead |
//! | `found` | what was found, and what tells whether it has changed |
//! | `folder` | the files of one folder, and no others |
//! | `reading` | files as entities, of which only what may be kept is |
//! | `told` | what of files could not be used, by row and column |
//! | `suspicion` | whether what was read may take the place of what was there |
//! | `shared` | what is known of the source |
//! | `refresh` | reading it anew, by a task of its own |
//! | `adapter` | the contract: questions, answered from what was read |

mod adapter;
mod folder;
mod found;
mod kind;
mod origin;
mod reading;
mod refresh;
mod shared;
mod suspicion;
mod told;
mod web;

pub use self::kind::{OpenDataKind, OpenDataSource};
