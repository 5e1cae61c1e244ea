//! Expansion and compaction of names (clause 5.5.7) equal those of a JSON-LD processor that has the core context as
//! the last of its contexts (clause 4.4).
//!
//! Left out, because the view differs on purpose: user terms for IRIs of the core (the core's own term wins), and
//! the choice of a term by its datatype (an attribute has its name whatever its values are), and `prefix:name` with a
//! name that clause 4.6.2 does not allow.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod reference;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use reference::{compacted, expanded, ours, with_core};
use serde_json::{Value, json};

fn own_namespace() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("https://example.org/".to_owned()),
        Just("https://example.com/deep#".to_owned()),
        Just("urn:vocab:".to_owned()),
        Just("https://kakehashi.example.jp/vocab/".to_owned()),
    ]
}

/// Terms of a few letters, so that definitions meet each other, and one of the core.
fn term() -> impl Strategy<Value = String> {
    prop_oneof![6 => "[a-d]{1,2}", 1 => Just("location".to_owned()), 1 => "[あ-う]{1,2}"]
}

fn iri() -> impl Strategy<Value = String> {
    (own_namespace(), "[a-d]{1,2}").prop_map(|(namespace, name)| format!("{namespace}{name}"))
}

/// What a term or a context says of whether it may be defined otherwise.
fn protection() -> impl Strategy<Value = Option<bool>> {
    prop_oneof![4 => Just(None), 1 => Just(Some(true)), 1 => Just(Some(false))]
}

/// Whether a user context protects a term of the core: JSON-LD then refuses the core itself, which comes last, and
/// here the core wins (clause 5.5.7).
fn protects_the_core(user: &[Value]) -> bool {
    user.iter().any(|context| {
        let own = context.get("location");
        let protected = own.and_then(|own| own.get("@protected")).or(context.get("@protected"));
        own.is_some() && protected == Some(&json!(true))
    })
}

/// Definitions of the constructs that NGSI-LD uses.
fn definition() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![
        Just(json!(null)),
        Just(json!("@id")),
        Just(json!("@vocab")),
        Just(json!("@json")),
        Just(json!("https://example.org/Datatype")),
    ];
    let container = prop_oneof![
        Just(json!(null)),
        Just(json!("@set")),
        Just(json!("@list")),
        Just(json!(["@set"]))
    ];
    prop_oneof![
        4 => iri().prop_map(Value::from),
        2 => own_namespace().prop_map(Value::from),
        1 => "[a-d]{1,2}:[a-d]{1,2}".prop_map(Value::from),
        1 => "[a-d]{1,2}".prop_map(Value::from),
        1 => Just(Value::Null),
        3 => (proptest::option::of(iri()), kind, container, any::<bool>(), protection()).prop_map(|(id, kind, container, prefix, protected)| {
            let mut members = serde_json::Map::new();
            if let Some(protected) = protected {
                members.insert("@protected".to_owned(), protected.into());
            }
            for (name, value) in [("@id", id.map_or(Value::Null, Value::from)), ("@type", kind), ("@container", container)] {
                if !value.is_null() {
                    members.insert(name.to_owned(), value);
                }
            }
            if prefix {
                members.insert("@prefix".to_owned(), true.into());
            }
            Value::Object(members)
        }),
    ]
}

/// One to three contexts, some with a vocabulary.
fn contexts() -> impl Strategy<Value = Vec<Value>> {
    let context = (
        proptest::collection::btree_map(term(), definition(), 0..6),
        proptest::option::of(own_namespace()),
        protection(),
    )
        .prop_map(|(mut terms, vocabulary, protected): (BTreeMap<String, Value>, _, _)| {
            if let Some(protected) = protected {
                terms.insert("@protected".to_owned(), protected.into());
            }
            if let Some(vocabulary) = vocabulary {
                terms.insert("@vocab".to_owned(), vocabulary.into());
            }
            json!(terms)
        });
    proptest::collection::vec(context, 1..4)
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => term(),
        2 => "[a-d]{1,2}:[a-d]{1,2}",
        1 => "[a-h]{1,3}",
        1 => (own_namespace(), "[a-d]{1,2}").prop_map(|(namespace, name)| format!("{namespace}{name}")),
        1 => Just("temperature".to_owned()),
    ]
}

/// How many of the contexts both take: the rest is refused, or is of no effect on the names at hand.
fn cases() -> ProptestConfig {
    ProptestConfig {
        max_global_rejects: 20_000,
        ..ProptestConfig::with_cases(300)
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn names_expand_as_the_reference_expands_them(user in contexts(), name in name()) {
        prop_assume!(!protects_the_core(&user));
        // The view refuses more contexts than the reference, but takes none that the reference refuses.
        let Ok(context) = ours(&user) else { return Ok(()); };
        let expanded_name = context.expand(&name);
        // A name without meaning is no type either, and the reference refuses it there.
        let r#type = if expanded_name.is_ok() { name.as_str() } else { "urn:x:Type" };
        let document = json!({ "@context": with_core(&user), "@id": "urn:e:1", "@type": [r#type], name.clone(): 1 });
        let reference = expanded(&document).map_err(|error| TestCaseError::fail(format!("{error}: {document}")))?;
        match expanded_name {
            Ok(iri) => {
                prop_assert_eq!(&reference["@type"], &json!(iri.as_str()), "{}", document);
                let keys: BTreeSet<&str> = reference.as_object().unwrap().keys().map(String::as_str).filter(|key| !key.starts_with('@')).collect();
                prop_assert_eq!(keys, BTreeSet::from([iri.as_str()]), "{}", document);
            }
            Err(_) => {
                let keys = reference.as_object().unwrap().keys().filter(|key| !key.starts_with('@')).count();
                prop_assert_eq!(keys, 0, "{}", document);
            }
        }
    }

    #[test]
    fn what_is_protected_is_refused_as_the_reference_refuses_it(
        first in iri(), second in iri(), protected in any::<bool>(), whole in any::<bool>(), again in any::<bool>(),
    ) {
        let mut one = json!({ "a": { "@id": first, "@protected": protected } });
        if whole {
            one = json!({ "@protected": protected, "a": first });
        }
        let user = [one, json!({ "a": if again { first } else { second } })];
        let document = json!({ "@context": with_core(&user), "@id": "urn:e:1", "a": 1 });
        prop_assert_eq!(ours(&user).is_ok(), expanded(&document).is_ok(), "{}", document);
    }

    #[test]
    fn iris_compact_as_the_reference_compacts_them(user in contexts(), namespace in own_namespace(), local in "[a-e]{1,2}") {
        let typed = |context: &Value| context.as_object().unwrap().values().any(|definition| {
            definition.get("@type").is_some() || definition.get("@container").is_some()
        });
        prop_assume!(!user.iter().any(typed) && !protects_the_core(&user));
        let Ok(context) = ours(&user) else { return Ok(()); };
        let iri = format!("{namespace}{local}");
        let document = json!({ "@id": "urn:e:1", iri.clone(): 1 });
        let reference = match compacted(&document, &with_core(&user)) {
            Ok(reference) => reference,
            // A term that looks like the scheme of the IRI.
            Err(error) => { prop_assert!(error.contains("Confused"), "{}", error); return Ok(()); }
        };
        let own = context.compact(&iri);
        let keys: BTreeSet<&str> = reference.as_object().unwrap().keys().map(String::as_str)
            .filter(|key| !matches!(*key, "id" | "@context")).collect();
        // Of several prefixes JSON-LD takes the one that makes the shortest name; the processor (0.21) compares the
        // texts as well, and so may keep a longer one.
        let longer = |key: &&str| {
            key.len() > own.len() && own.contains(':') && context.expand(key).is_ok_and(|name| name.as_str() == iri)
        };
        if keys.len() == 1 && keys.iter().any(longer) {
            return Ok(());
        }
        prop_assert_eq!(keys, BTreeSet::from([own.as_ref()]), "{:?}", user);
    }
}
