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
            let places: Vec<usize> = places.into_iter().map(first_of_name).collect();
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

#[test]
fn a_text_is_told_with_its_own_parts_in_it_and_as_a_whole() {
    for (english, japanese) in [
        // A name stays what it is, and stands apart from the words around it.
        (
            "unknown key `lisen` in [gateway]",
            "不明な項目 `lisen` が [gateway] にあります。",
        ),
        // A message in a message.
        (
            "parameter `q` at position 4: expected an operator, `;`, `|` or the end, found `=`",
            "パラメーター `q` の位置 4：演算子、`;`、`|`、または末尾が必要ですが、`=` があります。",
        ),
        // Something that was said of a file by the operating system.
        (
            "cannot read none.json: No such file or directory (os error 2)",
            "none.json を読み取れません：ファイルまたはフォルダーがありません。",
        ),
        // What was added to a sentence.
        (
            "no consumer is called `ap`; did you mean `app`?",
            "`ap` というデータ利用者はいません。`app` の誤りではありませんか。",
        ),
        // Words of a message within a value say nothing.
        (
            "unknown value `a` is empty; expected one of b`",
            "unknown value `a` is empty; expected one of b`",
        ),
        // Lines, of which some are empty.
        (
            "`managerName` of `DesignatedShelter` of nasushiobara (personal), in orion (personal data: present)\n\nnobody sees it:",
            "nasushiobara の `DesignatedShelter` の `managerName`（personal）（orion 内、個人情報：present）\n\n参照できる者はいません：",
        ),
        // The items of a list, each for itself.
        (
            "`store` of tochigi, `store` of yaita, `map`",
            "tochigi の `store`, yaita の `store`, `map`",
        ),
        // What nobody here has said.
        ("The weather is fine.", "The weather is fine."),
    ] {
        assert_eq!(in_japanese(english), japanese, "{english}");
    }
}

#[test]
fn a_long_text_costs_no_more_than_it_may() {
    let began = std::time::Instant::now();
    for piece in [
        "parameter `q` at position ",
        "a: ",
        "; did you mean ",
        "expected ",
        " in ",
        "`",
        ", ",
        ". ",
    ] {
        let _ = in_japanese(&piece.repeat(8 * 1024 / piece.len()));
    }
    // Milliseconds in a release; far more would be a fault of the search.
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}
