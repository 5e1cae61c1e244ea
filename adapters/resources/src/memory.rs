//! The bytes that are held for one request: the body that it brought, what sources have sent for it, the entities that
//! were made of that, and the answer until its last byte has left. They are counted about, not to the byte: what matters
//! is that everything large is counted, by whoever lets it grow.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Exhausted;
use crate::share::Share;

/// What is held for one request.
#[derive(Debug)]
pub(crate) struct Account {
    /// `None`: nobody counts.
    share: Option<Arc<Share>>,
    /// Bytes that may be held for it.
    most: usize,
    held: AtomicUsize,
}

impl Account {
    pub(crate) fn new(share: Option<Arc<Share>>, most: usize) -> Arc<Self> {
        Arc::new(Self {
            share,
            most,
            held: AtomicUsize::new(0),
        })
    }

    fn take(&self, bytes: usize) -> Result<(), Exhausted> {
        let Some(share) = &self.share else {
            return Ok(());
        };
        let before = self.held.fetch_add(bytes, Ordering::Relaxed);
        let result = if before.saturating_add(bytes) > self.most {
            Err(Exhausted::Request { most: self.most })
        } else if share.take(bytes) {
            Ok(())
        } else {
            Err(Exhausted::Process)
        };
        if result.is_err() {
            self.held.fetch_sub(bytes, Ordering::Relaxed);
        }
        result
    }

    fn give_back(&self, bytes: usize) {
        if let Some(share) = &self.share {
            self.held.fetch_sub(bytes, Ordering::Relaxed);
            share.give_back(bytes);
        }
    }

    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

/// Bytes that are held, as long as this lives.
#[derive(Debug)]
pub struct Held {
    account: Arc<Account>,
    bytes: usize,
}

impl Held {
    pub(crate) fn nothing_of(account: &Arc<Account>) -> Self {
        Self {
            account: Arc::clone(account),
            bytes: 0,
        }
    }

    /// How many.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// So many more. Must be asked before they are there.
    ///
    /// # Errors
    /// [`Exhausted`]; then nothing has changed.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.account.take(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// So many in all from now on.
    ///
    /// # Errors
    /// [`Exhausted`]; then nothing has changed.
    pub fn become_of(&mut self, bytes: usize) -> Result<(), Exhausted> {
        match bytes.checked_sub(self.bytes) {
            Some(more) => self.grow(more),
            None => {
                self.shrink(self.bytes - bytes);
                Ok(())
            }
        }
    }

    /// So many fewer.
    pub fn shrink(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.account.give_back(bytes);
    }

    /// Takes over what another holds for the same request.
    pub fn absorb(&mut self, mut other: Self) {
        debug_assert!(Arc::ptr_eq(&self.account, &other.account), "of two requests");
        self.bytes += std::mem::take(&mut other.bytes);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.account.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::share::Pool;

    #[test]
    fn what_is_held_is_given_back_however_it_ends() {
        let pool = Pool::new(1000);
        let account = Account::new(Some(Share::of(&pool)), 400);
        let mut held = Held::nothing_of(&account);
        held.grow(300).unwrap();
        assert_eq!(held.grow(101), Err(Exhausted::Request { most: 400 }));
        assert_eq!((held.bytes(), account.held(), pool.used()), (300, 300, 300));
        let mut more = Held::nothing_of(&account);
        more.grow(50).unwrap();
        held.absorb(more);
        held.become_of(120).unwrap();
        held.shrink(20);
        assert_eq!((held.bytes(), account.held(), pool.used()), (100, 100, 100));
        let mut other = Held::nothing_of(&Account::new(Some(Share::of(&pool)), 2000));
        assert_eq!(other.grow(901), Err(Exhausted::Process));
        drop(held);
        assert_eq!((account.held(), pool.used()), (0, 0));
    }

    #[test]
    fn nobody_counts_where_there_is_no_share() {
        let mut held = Held::nothing_of(&Account::new(None, 0));
        held.grow(usize::MAX / 2).unwrap();
        held.shrink(5);
    }
}
