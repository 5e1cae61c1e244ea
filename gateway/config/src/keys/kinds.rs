//! The keys that kinds of sources bring, made of what each kind says of itself.

use std::sync::LazyLock;

use kakehashi_adapters::KINDS;
use kakehashi_adapters::kind::{Kind, Value, WhenAbsent};

use super::{Fallback, Key};
use crate::allowed::judged_keys;

/// The keys of a source that only one kind has, in the order of the kinds.
pub(super) static OF_SOURCES: LazyLock<Vec<Key>> = LazyLock::new(|| of_sources(&KINDS));

/// The keys of `allowed` of a tenant that say what of those is allowed.
pub(super) static OF_ALLOWED: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let keys =
        judged_keys().map(|judged| super::key(judged.allowed, super::Kind::Texts, Fallback::Is("[]"), judged.about));
    keys.collect()
});

/// What `adapter` may be.
pub(super) static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| KINDS.map(<dyn Kind>::name).to_vec());

fn of_sources(kinds: &[&'static dyn Kind]) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    for own in kinds.iter().flat_map(|kind| kind.keys()) {
        // What several kinds have is listed once.
        if keys.iter().any(|key| key.name == own.name) {
            continue;
        }
        let kind = match own.value {
            Value::Text => super::Kind::Text,
            Value::Texts => super::Kind::Texts,
            Value::Boolean => super::Kind::Boolean,
            Value::NamedTexts => super::Kind::NamedTexts,
        };
        let fallback = match own.default {
            WhenAbsent::Nothing => Fallback::Nothing,
            default => Fallback::OfKind(own.name, default),
        };
        // A source of another kind does without it.
        keys.push(super::key(own.name, kind, fallback, own.about));
    }
    keys
}

/// What holds where a source of that kind lacks the key.
pub(super) fn default_of(kind: &str, name: &str) -> Option<WhenAbsent> {
    let kind = kakehashi_adapters::kind_named(kind)?;
    let key = kind.keys().iter().find(|key| key.name == name)?;
    Some(key.default)
}

#[cfg(test)]
mod tests {
    use kakehashi_example_adapter::FileKind;

    use super::*;

    #[test]
    fn a_kind_that_is_listed_brings_its_keys_and_nothing_else_changes() {
        let built_in = of_sources(&KINDS);
        let all: Vec<&'static dyn Kind> = KINDS.into_iter().chain([&FileKind as &dyn Kind]).collect();
        let with_example = of_sources(&all);
        assert_eq!(with_example.len(), built_in.len() + 1);
        let added = with_example.last().unwrap();
        assert_eq!((added.name, added.required), ("entities", false));
        assert!(matches!(added.kind, super::super::Kind::Text));
        assert!(matches!(added.fallback, Fallback::Nothing));
        assert_eq!(added.about, FileKind.keys()[0].about);
    }
}
