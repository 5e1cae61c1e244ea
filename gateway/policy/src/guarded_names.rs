//! Guarded names, which are found by their spelling and not by their letters.

use hashbrown::{HashMap, HashSet};

use super::spelling::{spelling, spelling_of_pattern};

/// Guarded names, and what each is guarded for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GuardedNames<T> {
    /// By their spelling.
    spelled: HashMap<String, T>,
    /// Those with `*`, as they are spelled.
    patterns: Vec<(String, T)>,
    /// Whatever a spelling begins with, and itself. May hold more than that: what was taken out of them stays.
    beginnings: HashSet<Box<str>>,
}

impl<T> Default for GuardedNames<T> {
    fn default() -> Self {
        Self {
            spelled: HashMap::default(),
            patterns: Vec::new(),
            beginnings: HashSet::default(),
        }
    }
}

impl<T> GuardedNames<T> {
    /// Adds a name, which may hold `*`. `stricter`: which of two holds for a name that is said twice.
    pub(super) fn add(&mut self, name: &str, guarded: T, stricter: impl FnOnce(T, T) -> T) {
        if name.contains('*') {
            self.patterns.push((spelling_of_pattern(name), guarded));
            return;
        }
        let name = spelling(name);
        let ends = name
            .char_indices()
            .map(|(place, character)| place + character.len_utf8());
        let beginnings = ends.filter_map(|end| name.get(..end));
        self.beginnings.extend(beginnings.map(Into::into));
        let guarded = match self.spelled.remove(&name) {
            Some(known) => stricter(known, guarded),
            None => guarded,
        };
        self.spelled.insert(name, guarded);
    }

    /// Takes out a name without `*`.
    pub(super) fn remove(&mut self, name: &str) {
        self.spelled.remove(&spelling(name));
    }

    /// Puts others over these.
    pub(super) fn override_with(&mut self, others: Self) {
        self.spelled.extend(others.spelled);
        self.patterns.extend(others.patterns);
        self.beginnings.extend(others.beginnings);
    }

    /// What the name is guarded for that is spelled so.
    pub(super) fn get(&self, spelled: &str) -> Option<&T> {
        let by_pattern = || {
            let mut patterns = self.patterns.iter();
            let pattern = patterns.find(|(pattern, _)| matches_pattern(pattern, spelled));
            pattern.map(|(_, guarded)| guarded)
        };
        self.spelled(spelled).or_else(by_pattern)
    }

    /// The same of names without `*` alone.
    pub(super) fn spelled(&self, spelled: &str) -> Option<&T> {
        self.spelled.get(spelled)
    }

    /// Whether a name without `*` may begin with this spelling.
    pub(super) fn has_one_that_begins(&self, spelled: &str) -> bool {
        self.beginnings.contains(spelled)
    }

    /// Whether there is none without `*`.
    pub(super) fn is_empty(&self) -> bool {
        self.spelled.is_empty()
    }

    /// Each as it is spelled, in no order.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &T)> {
        let spelled = self.spelled.iter().map(|(name, guarded)| (name.as_str(), guarded));
        spelled.chain(self.patterns.iter().map(|(name, guarded)| (name.as_str(), guarded)))
    }
}

/// Whether a text matches a pattern in which `*` stands for any characters.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            return part.is_empty();
        };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        assert!(matches_pattern("family*", "familyname"));
        assert!(matches_pattern("*kana", "fullnamekana"));
        assert!(matches_pattern("a*b*c", "a1b2c"));
        assert!(matches_pattern("*", ""));
        assert!(!matches_pattern("family*", "myfamilyname"));
        assert!(!matches_pattern("a*b*c", "a1c2b"));
        assert!(!matches_pattern("abc", "abcd"));
    }
}
