//! What the log says of keys that are presented after they have expired: whose, and which, so that somebody can be told before they
//! ask why everything is 401. Not a line for each request.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How far lines about one key are apart.
const LINES_APART: Duration = Duration::from_secs(60 * 60);

/// Keys that are remembered. Beyond, what was said of all of them is forgotten, which may repeat a line.
const MOST_KEYS: usize = 4_096;

static SAID: LazyLock<KeyLines> = LazyLock::new(KeyLines::default);

/// Tells that somebody has presented a key that has expired. `holder`: ``consumer `school-app` ``.
pub fn expired_key(holder: &str, key: &str, expired_on: &str) {
    if let Some(untold) = SAID.may_say(holder, key, Instant::now()) {
        tracing::warn!(
            holder,
            key,
            expired_on,
            untold,
            "an expired key is presented: `kakehashi key new` makes the next one"
        );
    }
}

/// When it was last said of a key, and how often it was not said since.
#[derive(Debug, Default)]
struct KeyLines {
    said: Mutex<HashMap<(String, String), (Instant, u64)>>,
}

impl KeyLines {
    /// `None`: it was said lately. Otherwise how often it was not said since then.
    fn may_say(&self, holder: &str, key: &str, now: Instant) -> Option<u64> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let of_key = (holder.to_owned(), key.to_owned());
        if let Some((last, untold)) = said.get_mut(&of_key) {
            if now.saturating_duration_since(*last) < LINES_APART {
                *untold += 1;
                return None;
            }
            let before = *untold;
            (*last, *untold) = (now, 0);
            return Some(before);
        }
        if said.len() >= MOST_KEYS {
            said.clear();
        }
        said.insert(of_key, (now, 0));
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_told_once_and_counted_until_it_is_told_again() {
        let lines = KeyLines::default();
        let now = Instant::now();
        assert_eq!(lines.may_say("consumer `a`", "2025", now), Some(0));
        assert_eq!(lines.may_say("consumer `a`", "2026", now), Some(0));
        assert_eq!(lines.may_say("consumer `a`", "2025", now), None);
        assert_eq!(lines.may_say("consumer `a`", "2025", now + LINES_APART), Some(1));
    }

    #[test]
    fn no_more_keys_are_remembered_than_some() {
        let lines = KeyLines::default();
        for number in 0..2 * MOST_KEYS {
            lines.may_say("consumer `a`", &number.to_string(), Instant::now());
        }
        assert!(lines.said.lock().unwrap().len() <= MOST_KEYS);
    }
}
