//! What an adapter would send, told instead of sent: for whoever wants to see what a source is asked.
//!
//! An adapter makes it with the code that asks, so that it cannot tell anything else. It holds texts of the question
//! and no secret: a credential shows its place and `***`.

use serde::Serialize;

/// What stands in the place of a secret.
pub const HIDDEN: &str = "***";

/// The first request to a source for one question. What follows depends on the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum AskedRequest {
    /// A request over HTTP.
    Http {
        /// Its method.
        method: String,
        /// Its whole address, percent-encoded.
        url: String,
        /// Name and value of each header, in the order in which they are sent.
        headers: Vec<(String, String)>,
    },
    /// A statement in a database.
    Sql {
        /// Its text.
        statement: String,
        /// What is bound to it, in order.
        bindings: Vec<String>,
    },
}
