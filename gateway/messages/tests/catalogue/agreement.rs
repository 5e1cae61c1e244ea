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
            // Where a space stands between a name and words is no matter of the message.
            let packed = |text: &str| text.trim().replace(' ', "");
            if packed(&in_japanese(told.trim())) != packed(&expected) {
                wrong.push(format!(
                    "{name}.po: {told:?}\n  is told as {:?}\n  and not as {expected:?}",
                    in_japanese(&told)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_added_to_a_sentence_is_told_behind_any_other() {
    let mut wrong = Vec::new();
    for (name, text) in CATALOGUES {
        let added = messages_of(text).unwrap();
        for message in added.iter().filter(|message| message.english.starts_with("; ")) {
            let template = Template::parse(&message.english).unwrap();
            let all: Vec<usize> = (0..template.gaps().len()).collect();
            let english = filled(&template, |place| format!("X{place}Y"), &all);
            let told = in_japanese(&format!("the body is empty{english}")).into_owned();
            let words = message.english.split(['{', '`', ',', ':']).next().unwrap();
            let words = words.trim_start_matches("; ").trim();
            if !words.is_empty() && told.contains(words) {
                wrong.push(format!("{name}.po: {:?} is told as {told:?}", message.english));
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
        // What is wrong with a value, and what was wanted.
        (
            "`timeout` in source `map` must be a text, not a number",
            "連携元システム `map` の `timeout` は文字列でなければなりませんが、数値になっています。",
        ),
        (
            "`roles` in [consumers.app] must be a list, not a text",
            "[consumers.app] の `roles` は配列でなければなりませんが、文字列になっています。",
        ),
        (
            "`writable` in [gateway] must be true or false, not a text",
            "[gateway] の `writable` は true または false でなければなりませんが、文字列になっています。",
        ),
        (
            "`limits` of source `map` must be a table, not a number",
            "連携元システム `map` の `limits` はテーブルでなければなりませんが、数値になっています。",
        ),
        (
            "`requests_per_second` in `limits` of [consumers.app] must be from 1 to 10",
            "[consumers.app] の `limits` の `requests_per_second` は 1 以上 10 以下でなければなりません。",
        ),
        // What stands before a sentence is not taken for a part of it.
        (
            "nothing was loaded: 1 of 3 expectations are not met",
            "何も取り込まれていません：期待する結果 3 件のうち 1 件が不合格です。",
        ),
        // What others say of a file.
        (
            "the mapping mappings/sanno.toml cannot be read: there is no such file",
            "マッピングファイル mappings/sanno.toml を読み取れません：そのようなファイルはありません。",
        ),
        (
            "not TOML: invalid unquoted key, expected letters, numbers, `-`, `_`",
            "TOML ではありません：引用符で囲まないキーには英数字、`-`、`_` しか使えません（全角の空白や文字が混ざっていませんか）",
        ),
        (
            "not TOML: string values must be quoted, expected literal string",
            "TOML ではありません：文字列は半角の引用符 \" で囲んでください（全角の引用符を使っていませんか）",
        ),
        (
            "not TOML: missing comma between array elements, expected `,`",
            "TOML ではありません：配列の要素の間に `,` がありません",
        ),
        // Of what it is said.
        (
            "nothing was loaded: entity 1 (line 2): location.value: coordinates are wrong",
            "何も取り込まれていません：1 番目のエンティティ（2 行目）：location.value: coordinates are wrong",
        ),
        (
            "mappings/sano.toml:3: types.AED.name: the field `nmae` has a value in none of 3 records; the records have `dosha`, `name`",
            "mappings/sano.toml:3: types.AED.name: フィールド `nmae` の値が 3 件のレコードのどれにもありません。レコードにあるのは `dosha`, `name` です。",
        ),
        (
            "of `tochigi-store` of tochigi, `orion` of nasushiobara, where it may hold the id",
            "問合せ先：tochigi の `tochigi-store`, nasushiobara の `orion`（その ID を持つ可能性がある範囲）",
        ),
        (
            "no revision that is remembered begins with `zzz`; these are:\n  a\n  b\n  c\n  d\n  e",
            "ID が `zzz` で始まる設定の版は履歴にありません。履歴にある版：\n  a\n  b\n  c\n  d\n  e",
        ),
        ("at http://127.0.0.1:1", "管理 API：http://127.0.0.1:1"),
        (
            "the type `AED` (`type`) is none of those that are named to you here; GET /ngsi-ld/v1/types lists those that you may see entities of",
            "型 `AED`（`type`）は、ここで名前を示しているもののどれでもありません。参照できるエンティティの型は GET /ngsi-ld/v1/types で確認できます。",
        ),
        ("disaster-map of yaita:", "disaster-map（yaita のデータ）："),
        (
            "your grant does not permit this operation on entities of one of its types (a policy forbids it): https://example.jp/AED",
            "提供ルールでは、いずれかの型のエンティティに対するこの操作が許可されていません（提供ルールで禁止されています）：https://example.jp/AED",
        ),
        // A value in quotation marks is nobody's message, whatever words it has.
        (
            "`organisation` in [consumers.limited] cannot be \"the token of tenant, no role; it is forbidden\"",
            "[consumers.limited] の `organisation` に \"the token of tenant, no role; it is forbidden\" は指定できません。",
        ),
        (
            "\"it is forbidden. no source is asked\"",
            "\"it is forbidden. no source is asked\"",
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
