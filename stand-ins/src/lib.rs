//! Servers that behave like the real upstreams: for `kakehashi demo`, the tests and the benchmarks.
//!
//! | module | stands in for |
//! |---|---|
//! | [`orion`] | a FIWARE Orion 4.7 with its NGSI-v2 API, as recorded in `tests/recordings/` |
//! | [`sano`] | a municipality's own platform with its own JSON, paging and API key |
//! | [`nasushiobara`] | a city OS: Orion with open data beside residents' data, and the personal-data module next to it |
//! | [`prefecture`] | what the prefecture's own store is seeded with (data, no server) |
//! | [`files`] | a site of open data, with files that a test puts there |
//! | [`issuer`] | an OpenID Connect provider that signs tokens |
//! | [`Demo`] | all of them, started together |
//!
//! [`canary`] looks for [`canaries`], the values of all invented persons, in what others have written.
//!
//! Every server listens on the loopback, on a port that the system chooses unless one is given, and its handle
//! dereferences to [`server::Server`]: where it is, what it was asked, how it should misbehave, and how to stop it.
//! The crate knows neither the gateway nor its adapters, so that it cannot share their misunderstandings.

pub mod canary;
mod demo;
pub mod files;
mod gsi;
pub mod issuer;
pub mod nasushiobara;
pub mod orion;
pub mod prefecture;
pub mod sano;
pub mod server;

mod invented;

pub use demo::{Demo, Ports};
pub use files::FileSite;
pub use issuer::TokenIssuer;
pub use nasushiobara::PersonalDataModule;
pub use orion::Orion;
pub use sano::{SANO_DEMO_API_KEY, Sano};
pub use server::{Fault, LoggedRequest, Server};

/// Every personal value that any stand-in holds: Orion and the personal-data module of [`nasushiobara`], the platform of
/// [`sano`], and the partition that [`prefecture::residents`] fills. Each occurs nowhere else.
#[must_use]
pub fn canaries() -> Vec<String> {
    [nasushiobara::canaries(), sano::canaries(), prefecture::canaries()].concat()
}
