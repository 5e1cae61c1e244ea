//! Servers that behave like the real upstreams: for `kakehashi demo`, the tests and the benchmarks.
pub mod orion;
pub mod server;
pub use orion::Orion;
pub use server::{Fault, LoggedRequest, Server};
