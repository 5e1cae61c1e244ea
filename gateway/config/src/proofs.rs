//! By what consumers can prove themselves: whether anybody can call as one of them at all.

use hashbrown::HashMap;
use kakehashi_core::consumer::ANONYMOUS;
use kakehashi_core::names::ConsumerId;

/// By what one consumer can prove itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Proving {
    /// Keys that are valid.
    pub valid_keys: usize,
    /// Keys that have expired.
    pub expired_keys: usize,
    /// Tokens of an issuer.
    pub token: bool,
    /// A certificate.
    pub certificate: bool,
}

impl Proving {
    /// Why nobody can call as the consumer; `None`: somebody can.
    #[must_use]
    pub const fn nobody_because(self) -> Option<&'static str> {
        if self.valid_keys > 0 || self.token || self.certificate {
            None
        } else if self.expired_keys > 0 {
            Some("its keys have expired: nobody can call as it")
        } else {
            Some("it has no key, or it was revoked: nobody can call as it")
        }
    }
}

/// The same of all consumers.
#[derive(Debug, Default)]
pub struct Proofs<'a>(HashMap<&'a ConsumerId, Proving>);

impl<'a> Proofs<'a> {
    pub(super) fn add_key(&mut self, holder: &'a ConsumerId, has_expired: bool) {
        let proving = self.0.entry(holder).or_default();
        if has_expired {
            proving.expired_keys += 1;
        } else {
            proving.valid_keys += 1;
        }
    }

    pub(super) fn add_token(&mut self, holder: &'a ConsumerId) {
        self.0.entry(holder).or_default().token = true;
    }

    pub(super) fn add_certificate(&mut self, holder: &'a ConsumerId) {
        self.0.entry(holder).or_default().certificate = true;
    }

    /// By what a consumer can prove itself.
    #[must_use]
    pub fn of(&self, consumer: &ConsumerId) -> Proving {
        self.0.get(consumer).copied().unwrap_or_default()
    }

    /// Why nobody can call as a consumer; `None`: somebody can. As the anonymous one anybody can.
    #[must_use]
    pub fn nobody_because(&self, consumer: &ConsumerId) -> Option<&'static str> {
        if consumer.as_str() == ANONYMOUS {
            return None;
        }
        self.of(consumer).nobody_because()
    }
}
