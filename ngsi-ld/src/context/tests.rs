use proptest::prelude::*;

use super::*;
use crate::InvalidIri;

fn context(json: &str) -> Context {
    Context::from_document(json).unwrap()
}

fn expanded(context: &Context, name: &str) -> String {
    context.expand(name).unwrap().as_str().to_owned()
}

fn fault_of(json: &str) -> DefinitionFault {
    match Context::from_document(json) {
        Err(ContextError::Definition { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_built_in_documents_compile_whole() {
    let members = |json| {
        let document: serde_json::Value = serde_json::from_str(json).unwrap();
        // Ours is a list, with the core context last.
        let context = document["@context"]
            .as_object()
            .or_else(|| document["@context"][0].as_object());
        context.unwrap().keys().filter(|key| !key.starts_with('@')).count()
    };
    assert_eq!(Context::core().term_count(), members(CORE_CONTEXT));
    assert_eq!(
        Context::kakehashi().term_count(),
        members(CORE_CONTEXT) + members(KAKEHASHI_CONTEXT),
        "a name of ours must not be a term of the core"
    );
}

#[test]
fn terms_prefixes_iris_and_unknown_names_expand() {
    let context = Context::kakehashi();
    for (name, iri) in [
        ("location", "https://uri.etsi.org/ngsi-ld/location"),
        ("description", "http://purl.org/dc/terms/description"),
        ("EvacuationSite", "https://kakehashi.example.jp/vocab/EvacuationSite"),
        (
            "WeatherObserved",
            "https://smartdatamodels.org/dataModel.Weather/WeatherObserved",
        ),
        (
            "temperature",
            "https://smartdatamodels.org/dataModel.Weather/temperature",
        ),
        (
            "kakehashi:maxCapacity",
            "https://kakehashi.example.jp/vocab/maxCapacity",
        ),
        ("urn:x:y", "urn:x:y"),
        ("https://example.org/a", "https://example.org/a"),
        ("避難所", "https://uri.etsi.org/ngsi-ld/default-context/避難所"),
        ("a%2Db", "https://uri.etsi.org/ngsi-ld/default-context/a%2Db"),
    ] {
        assert_eq!(expanded(context, name), iri);
    }
}

#[test]
fn names_that_the_clause_forbids_are_refused() {
    let core = Context::core();
    assert_eq!(
        core.expand_type("a<"),
        Err(InvalidName::Character {
            character: '<',
            position: 1
        })
    );
    assert_eq!(
        core.expand_attribute("a<"),
        Err(InvalidName::Character {
            character: '<',
            position: 1
        })
    );
    let refused = |character, position| Err(InvalidName::Character { character, position });
    assert_eq!(core.expand("a-b"), refused('-', 1));
    assert_eq!(core.expand("避難 所"), refused(' ', 2));
    assert_eq!(core.expand("1a"), refused('1', 0));
    assert_eq!(core.expand("_a"), refused('_', 0));
    assert_eq!(core.expand("a%2"), refused('%', 1));
    assert_eq!(core.expand("a<b"), refused('<', 1));
    assert_eq!(core.expand(""), Err(InvalidName::Empty));
    assert_eq!(core.expand("type"), Err(InvalidName::Keyword));
    assert_eq!(core.expand("@id"), Err(InvalidName::Keyword));
    assert!(matches!(core.expand("a b:c"), Err(InvalidName::Iri(_))));
    assert!(matches!(
        core.expand(&"a".repeat(3000)),
        Err(InvalidName::Iri(InvalidIri::TooLong))
    ));
}

#[test]
fn iris_compact_to_what_expands_to_them() {
    let own = context(
        r#"{"@context": {"ex": "https://example.org/", "Car": "ex:Car", "auto": "ex:Car", "color": "ex:paint"}}"#,
    );
    assert_eq!(own.compact("https://example.org/Car"), "Car");
    assert_eq!(own.compact("https://example.org/wheel"), "ex:wheel");
    assert_eq!(own.compact("https://example.org/"), "ex");
    assert_eq!(
        own.compact("https://elsewhere.org/wheel"),
        "https://elsewhere.org/wheel"
    );
    assert_eq!(
        own.compact("https://uri.etsi.org/ngsi-ld/default-context/speed"),
        "speed"
    );
    // `color` is taken by another IRI.
    let color = "https://uri.etsi.org/ngsi-ld/default-context/color";
    assert_eq!(own.compact(color), color);
    assert_eq!(expanded(&own, color), color);
}

#[test]
//= 4.4-2, 5.5.5-2, 5.5.7-6
fn the_core_wins_wherever_it_stands() {
    let own = context(
        r#"{"@context": ["https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld",
            {"location": "https://example.org/place", "desc": "http://purl.org/dc/terms/description",
             "@vocab": "https://example.org/vocab#", "own": {"@type": "@id"}}]}"#,
    );
    assert_eq!(expanded(&own, "location"), "https://uri.etsi.org/ngsi-ld/location");
    assert_eq!(expanded(&own, "desc"), "http://purl.org/dc/terms/description");
    assert_eq!(own.compact("http://purl.org/dc/terms/description"), "description");
    assert_eq!(expanded(&own, "own"), "https://example.org/vocab#own");
    assert_eq!(own.coercion("own"), Some(&Coercion::Id));
    assert_eq!(
        expanded(&own, "other"),
        "https://uri.etsi.org/ngsi-ld/default-context/other"
    );
}

#[test]
fn definitions_may_need_later_ones_and_later_contexts_override() {
    let own = context(
        r#"{"@context": [{"a": "b:x", "b": "c:y/", "c": "https://example.org/", "d": {"@id": "c:d", "@type": "c:T",
            "@container": ["@set"]}}, {"a": "c:z"}, [{"e": "d"}]]}"#,
    );
    assert_eq!(expanded(&own, "a"), "https://example.org/z");
    assert_eq!(expanded(&own, "b:q"), "https://example.org/y/q");
    assert_eq!(expanded(&own, "e"), "https://example.org/d");
    assert_eq!(
        own.coercion("d"),
        Some(&Coercion::DataType(Iri::new("https://example.org/T")))
    );
    assert_eq!(own.containers("d"), [Container::Set]);
}

#[test]
fn a_prefix_must_end_like_a_namespace_or_say_so() {
    let own = context(
        r#"{"@context": {"plain": "https://example.org/a", "said": {"@id": "https://example.org/b", "@prefix": true},
            "object": {"@id": "https://example.org/c/"}}}"#,
    );
    assert_eq!(expanded(&own, "plain:x"), "plain:x");
    assert_eq!(expanded(&own, "said:x"), "https://example.org/bx");
    assert_eq!(expanded(&own, "object:x"), "object:x");
}

#[test]
//= 4.4-5, 5.5.7-5
fn what_json_ld_or_the_clause_forbids_is_refused() {
    assert_eq!(
        fault_of(r#"{"@context": {"a": {"@id": "u:a", "@context": {}}}}"#),
        DefinitionFault::Scoped
    );
    assert_eq!(
        fault_of(r#"{"@context": {"a": "b", "b": "a"}}"#),
        DefinitionFault::Cyclic
    );
    assert_eq!(
        fault_of(r#"{"@context": {"a": "b:x", "b": "a:y"}}"#),
        DefinitionFault::Cyclic
    );
    assert_eq!(fault_of(r#"{"@context": {"a": 1}}"#), DefinitionFault::Shape);
    assert_eq!(
        fault_of(r#"{"@context": {"a": {"@id": "u:a", "@container": "@bag"}}}"#),
        DefinitionFault::Container
    );
    assert_eq!(
        fault_of(r#"{"@context": {"a": {"@id": "u:a", "@type": 1}}}"#),
        DefinitionFault::Type
    );
    for member in [
        r#""type": "@id""#,
        r#""@foo": 1"#,
        r#""id": "u:b""#,
        r#""@graph": {}"#,
        r#""": 1"#,
    ] {
        let document = format!(r#"{{"@context": {{"a": {{"@id": "u:a", {member}}}}}}}"#);
        assert_eq!(fault_of(&document), DefinitionFault::Member, "{member}");
    }
    let known = r#"{"@context": {"a": {"@id": "u:a", "@language": "ja", "@direction": "ltr", "@index": "u:i", "@nest": "@nest"}}}"#;
    assert!(Context::from_document(known).is_ok());
    assert_eq!(
        fault_of(r#"{"@context": {"a": {"@reverse": "u:a"}}}"#),
        DefinitionFault::Unsupported
    );
    assert_eq!(fault_of(r#"{"@context": {"@version": 2}}"#), DefinitionFault::Keyword);
    assert_eq!(fault_of(r#"{"@context": {"": "u:a"}}"#), DefinitionFault::Name);
    assert_eq!(
        fault_of(r#"{"@context": [{"@vocab": null}, {"a": {}}]}"#),
        DefinitionFault::NoIri
    );
    assert_eq!(
        fault_of(r#"{"@context": [{"@protected": true, "a": "u:a"}, {"a": "u:b"}]}"#),
        DefinitionFault::Protected
    );
    assert_eq!(
        fault_of(r#"{"@context": [{"@protected": true, "a": "u:a"}, null]}"#),
        DefinitionFault::Protected
    );
    assert!(Context::from_document(r#"{"@context": [{"@protected": true, "a": "u:a"}, {"a": "u:a"}]}"#).is_ok());
    assert_eq!(
        Context::from_document(r#"{"a": 1}"#).unwrap_err(),
        ContextError::Missing
    );
    assert_eq!(
        Context::from_document(r#"{"@context": 1}"#).unwrap_err(),
        ContextError::Shape
    );
    assert_eq!(
        Context::from_document(r#"{"@context": [1]}"#).unwrap_err(),
        ContextError::Shape
    );
    assert!(matches!(Context::from_document("{"), Err(ContextError::Json(_))));
    assert!(matches!(
        Context::from_document(r#"{"@context": {"a": "u:a", "a": "u:b"}}"#),
        Err(ContextError::Json(_))
    ));
}

#[test]
fn a_name_mapped_to_null_has_no_meaning() {
    let own = context(r#"{"@context": {"a": null, "b": {"@id": null}}}"#);
    assert_eq!(own.expand("a"), Err(InvalidName::Meaningless));
    assert_eq!(own.expand("b"), Err(InvalidName::Meaningless));
}

#[test]
fn remote_documents_are_given_and_circles_end() {
    let (first, second) = ("https://a.example/c.jsonld", "https://b.example/c.jsonld");
    let builder = Context::builder()
        .reference(first)
        .remote(first, &format!(r#"{{"@context": ["{second}", {{"a": "b:a"}}]}}"#))
        .unwrap();
    assert_eq!(builder.missing(), [second]);
    assert_eq!(
        builder.clone().build().unwrap_err(),
        ContextError::Unavailable(second.to_owned())
    );
    let whole = builder
        .clone()
        .remote(second, r#"{"@context": {"b": "https://b.example/"}}"#)
        .unwrap();
    assert_eq!(expanded(&whole.build().unwrap(), "a"), "https://b.example/a");
    let circle = builder
        .remote(second, &format!(r#"{{"@context": "{first}"}}"#))
        .unwrap();
    assert!(circle.missing().is_empty());
    assert_eq!(circle.build().unwrap_err(), ContextError::TooManyContexts);
}

#[test]
fn references_are_relative_to_where_their_document_was_found() {
    let place = "https://a.example/deep/er/c.jsonld?x=1";
    for (reference, absolute) in [
        ("other.jsonld", "https://a.example/deep/er/other.jsonld"),
        ("./other.jsonld", "https://a.example/deep/er/other.jsonld"),
        ("../other.jsonld", "https://a.example/deep/other.jsonld"),
        ("../../../../other.jsonld", "https://a.example/other.jsonld"),
        ("/other.jsonld", "https://a.example/other.jsonld"),
        ("//b.example/other.jsonld", "https://b.example/other.jsonld"),
        ("?x=2", "https://a.example/deep/er/c.jsonld?x=2"),
        ("避難.jsonld", "https://a.example/deep/er/%E9%81%BF%E9%9B%A3.jsonld"),
        ("HTTP://b.example:80/x/../y", "HTTP://b.example:80/x/../y"),
        ("urn:x:y", "urn:x:y"),
    ] {
        // An @base says what relative IRIs of data mean, and nothing of contexts.
        let document = serde_json::json!({"@context": [{"@base": "https://base.example/"}, reference]}).to_string();
        let builder = Context::builder().reference("https://first.example/");
        let builder = builder.remote_at("https://first.example/", place, &document).unwrap();
        assert_eq!(builder.missing(), [absolute], "{reference}");
    }
    let beside_the_core = Context::builder().reference("https://uri.etsi.org/ngsi-ld/v1/own.jsonld");
    let json = r#"{"@context": ["ngsi-ld-core-context-v1.8.jsonld", {"a": "urn:x:a"}]}"#;
    let whole = beside_the_core
        .remote("https://uri.etsi.org/ngsi-ld/v1/own.jsonld", json)
        .unwrap();
    assert!(whole.missing().is_empty(), "a core context is never fetched");
    let nowhere = Context::builder()
        .reference("urn:x:c")
        .remote("urn:x:c", r#"{"@context": "other"}"#);
    assert_eq!(nowhere.unwrap().missing(), ["other"]);
}

#[test]
fn circles_of_relative_references_end() {
    let (first, second) = ("https://a.example/x/1.jsonld", "https://a.example/x/2.jsonld");
    let circle = Context::builder()
        .reference(first)
        .remote(first, r#"{"@context": "2.jsonld"}"#)
        .unwrap()
        .remote(second, r#"{"@context": ["../x/1.jsonld"]}"#)
        .unwrap();
    assert!(circle.missing().is_empty());
    assert_eq!(circle.build().unwrap_err(), ContextError::TooManyContexts);
}

#[test]
fn a_value_of_a_body_is_a_context_too() {
    let own = Context::builder().value(r#"[{"a": "u:a"}]"#).unwrap().build().unwrap();
    assert_eq!(expanded(&own, "a"), "u:a");
    assert_eq!(
        remote_references(&format!(
            r#"{{"@context": ["{CORE_CONTEXT_URL}", "https://x.example/"]}}"#
        )),
        Ok(vec!["https://x.example/".to_owned()])
    );
}

proptest! {
    #[test]
    fn names_survive_expansion_and_compaction(name in "[a-zA-Zあ-ん避難所][a-zA-Z0-9_あ-ん]{0,12}") {
        let context = Context::kakehashi();
        prop_assume!(!matches!(context.expand(&name), Err(InvalidName::Keyword)));
        let iri = context.expand(&name).unwrap();
        prop_assert_eq!(context.compact(iri.as_str()), name);
    }

    #[test]
    fn what_compacts_expands_to_the_same(
        iri in "(https://uri.etsi.org/ngsi-ld/default-context/|https://example.org/|urn:|https://kakehashi.example.jp/vocab/)[a-z:/#%-]{0,10}",
        terms in proptest::collection::btree_map("[a-c]{1,2}", "(https://example.org/|urn:)[a-z:/#-]{0,6}", 0..6),
    ) {
        prop_assume!(crate::check_absolute(&iri).is_ok());
        let document = serde_json::json!({ "@context": terms }).to_string();
        let Ok(context) = Context::from_document(&document) else { return Ok(()); };
        let name = context.compact(&iri).into_owned();
        let again = context.expand(&name).unwrap();
        prop_assert_eq!(again.as_str(), iri);
    }

    #[test]
    fn any_text_gives_a_context_or_an_error(json in ".{0,64}") {
        let _ = Context::from_document(&json);
        let _ = Context::builder().value(&json);
    }
}
