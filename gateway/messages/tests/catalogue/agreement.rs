//! English and Japanese of a message have the same gaps, and what is made from the English is told by that Japanese.

use kakehashi_messages::template::Template;
use kakehashi_messages::{CATALOGUES, in_japanese, messages_of};
use proptest::prelude::*;

/// A template with something in its gaps.
fn filled(template: &Template, of: impl Fn(usize) -> String, places: &[usize]) -> String {
    let mut text = String::new();
    for (place, literal) in template.literals().iter().enumerate() {
        text.push_str(literal);
        if let Some(gap) = places.get(place) {
            text.push_str(&of(*gap));
        }
    }
    text
}

#[test]
fn english_and_japanese_have_the_same_gaps() {
    let mut wrong = Vec::new();
    for (name, text) in CATALOGUES {
        for message in messages_of(text).unwrap() {
            let english = Template::parse(&message.english);
            let japanese = Template::parse(&message.japanese);
            let (Ok(english), Ok(japanese)) = (english, japanese) else {
                wrong.push(format!("{name}.po: {:?}: a brace stands alone", message.english));
                continue;
            };
            let Some(mut places) = japanese.places_in(&english) else {
                wrong.push(format!(
                    "{name}.po: {:?}: the Japanese has a gap that the English has not",
                    message.english
                ));
                continue;
            };
            let names = |place: &usize| english.gaps()[*place].name.clone();
            places.sort_unstable();
            let all: Vec<usize> = (0..english.gaps().len()).collect();
            let is_there = |place: &usize| {
                places.contains(place)
                    || (names(place).is_some() && places.iter().any(|other| names(other) == names(place)))
            };
            if !all.iter().all(is_there) {
                wrong.push(format!(
                    "{name}.po: {:?}: the Japanese leaves a gap out",
                    message.english
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_made_from_a_message_is_told_by_its_japanese() {
    let mut wrong = Vec::new();
    for (name, text) in CATALOGUES {
        for message in messages_of(text).unwrap() {
            let english = Template::parse(&message.english).unwrap();
            let japanese = Template::parse(&message.japanese).unwrap();
            let places = japanese.places_in(&english).unwrap();
            let literals = english.literals();
            let is_beside = |place: usize| place > 0 && literals[place].is_empty();
            let of = |place: usize| format!("{}X{place}Y", if is_beside(place) { "; " } else { "" });
            let first_of_name = |place: usize| {
                let gaps = english.gaps();
                let name = &gaps[place].name;
                name.as_ref()
                    .map_or(place, |_| gaps.iter().position(|gap| gap.name == *name).unwrap())
            };
            let all: Vec<usize> = (0..english.gaps().len()).map(first_of_name).collect();
            let told = filled(&english, of, &all);
            let expected = filled(&japanese, of, &places);
            if in_japanese(told.trim()) != expected.trim() {
                wrong.push(format!(
                    "{name}.po: {told:?}\n  is told as {:?}\n  and not as {expected:?}",
                    in_japanese(&told)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

proptest! {
    #[test]
    fn any_text_is_told_without_a_panic_and_what_has_no_words_of_ours_stays(text in "\\PC{0,200}") {
        let _ = in_japanese(&text);
    }

    #[test]
    fn names_in_backquotes_are_never_translated(name in "[a-z ]{1,20}") {
        let text = format!("`{name}`");
        prop_assert_eq!(in_japanese(&text), text.as_str());
    }
}
