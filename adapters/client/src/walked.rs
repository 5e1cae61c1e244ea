//! How many bytes one walk through a source has read: pages are bounded one by one, and so is what they come to.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::SourceClient;
use kakehashi_contract::{AdapterError, ErrorKind};

/// Bytes that one walk through the pages of a source has read.
#[derive(Debug, Default)]
pub struct Walked(AtomicUsize);

impl Walked {
    /// Counts the body of one answer.
    ///
    /// # Errors
    /// [`ErrorKind::TooMany`] beyond [`SourceLimits::walk`](super::SourceLimits::walk). It is no fault of the source's.
    pub fn count(&self, body: usize, client: &SourceClient) -> Result<(), AdapterError> {
        let before = self.0.fetch_add(body, Ordering::Relaxed);
        if before.saturating_add(body) <= client.limits().walk() {
            return Ok(());
        }
        let detail = "the source has more bytes than one request may look through";
        Err(AdapterError::new(client.source(), ErrorKind::TooMany, detail))
    }
}
