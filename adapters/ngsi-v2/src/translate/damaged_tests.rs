//! Damage at any place of one entity, as long as the list around it is one, costs that entity and no other.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::de::IgnoredAny;

use super::tests::context_of;
use super::*;

/// An entity as Orion sends it.
fn entity(number: usize) -> Vec<u8> {
    format!(
        r#"{{"id":"R{number}","type":"Room","name":{{"type":"Text","value":"佐野 \"]}},{{\\","metadata":{{}}}},"size":{{"type":"Number","value":-1.5e3,"metadata":{{"unitCode":{{"type":"Text","value":"MTK"}},"accuracy":{{"type":"StructuredValue","value":[1,null,{{"a":true}}]}}}}}},"location":{{"type":"geo:json","value":{{"type":"Point","coordinates":[139.5,36.3]}}}},"refHall":{{"type":"Relationship","value":["H1","H2"]}}}}"#
    )
    .into_bytes()
}

/// Where the tokens of JSON are, brackets and braces apart: without them the list would be none.
fn tokens(json: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        let start = at;
        at += 1;
        match byte {
            b'"' => {
                while json[at] != b'"' {
                    at += if json[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'{' | b'}' | b'[' | b']' => continue,
            b',' | b':' => {}
            _ => at += json[at..].iter().take_while(|byte| !b",:]}".contains(byte)).count(),
        }
        tokens.push(start..at);
    }
    tokens
}

/// What may stand in the place of a token, or before it.
fn junk() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        "",
        ",",
        ":",
        "null",
        "7",
        "NaN",
        "-Infinity",
        "1e999",
        "01",
        "tru",
        "'x'",
        "\u{feff}",
        "\"x\"",
        r#""\ud800""#,
        r#""\x""#,
        "\"a\u{0}b\"",
        "\"a\nb\"",
        "-",
        "[]",
        "{}",
        r#"{"a":1,"a":2}"#,
        r#"[{"id":"R9","type":"Room"}]"#,
        "佐野",
        "<html>",
        "//",
    ];
    prop_oneof![
        20 => select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec()),
        1 => Just(b"\"\xff\"".to_vec()),
        1 => Just(b"\xe4\xbd".to_vec()),
        1 => Just(vec![b'7'; 500]),
        1 => (1_usize..300).prop_map(|depth| [b"[".repeat(depth), b"]".repeat(depth)].concat()),
    ]
}

/// One entity with damage in some places.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let damage = prop::collection::vec((any::<Index>(), any::<bool>(), junk()), 1..4);
    damage.prop_map(|all| {
        let mut entity = entity(2);
        for (place, replaces, junk) in all {
            let tokens = tokens(&entity);
            let token = place.get(&tokens).clone();
            let end = if replaces { token.end } else { token.start };
            entity.splice(token.start..end, junk);
            // What has no end is no list: the next damage could not be placed.
            if !is_one_element(&entity) {
                break;
            }
        }
        entity
    })
}

fn elements(list: &[u8]) -> Option<usize> {
    let mut splitter = ElementSplitter::new(usize::MAX);
    splitter.push(list);
    let mut elements = 0;
    while splitter.next_element().ok()?.is_some() {
        elements += 1;
    }
    splitter.finish().ok().map(|()| elements)
}

fn is_one_element(text: &[u8]) -> bool {
    elements(&[b"[", text, b"]"].concat()) == Some(1)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn damage_costs_the_entity_that_has_it(damaged in damaged(), place in 0_usize..3) {
        prop_assume!(is_one_element(&damaged));
        let mut list = [entity(1), entity(3)].to_vec();
        list.insert(place, damaged.clone());
        let body = [b"[", &*list.join(&b","[..]), b"]"].concat();
        prop_assume!(elements(&body) == Some(3));
        let context = context_of(&["Room"]);
        let page = translate_page(&body, &context);
        let page = page.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(page.listed, 3);
        let whole = |number| {
            let alone = [b"[", &*entity(number), b"]"].concat();
            translate_entities(&alone, &context).unwrap().remove(0)
        };
        for number in [1, 3] {
            let yielded = Yielded::Entity(whole(number));
            prop_assert!(page.yielded.contains(&yielded), "{} is missing", number);
        }
        prop_assert!(page.yielded.len() <= 3);
        let left_out = page.yielded.iter().filter(|one| matches!(one, Yielded::LeftOut(_))).count();
        if serde_json::from_slice::<IgnoredAny>(&damaged).is_err() || std::str::from_utf8(&damaged).is_err() {
            prop_assert_eq!((page.yielded.len(), left_out), (3, 1), "what is no JSON is shown to nobody, and told");
        }
    }
}
