//! Characters: one text written in several ways, and characters that nobody else knows.
//!
//! Nothing here changes what is shown: folding is for comparison, until a mapping says otherwise. `〜` (U+301C) and `～`
//! (U+FF5E) stay two characters: which of them is meant depends on who made the file.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// Longest text that is folded; longer ones are no key, header or name.
pub const LONGEST_FOLDED: usize = 4_096;

/// In which of their writings texts are taken for the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Folding {
    /// Full-width letters, digits and signs become those of ASCII.
    pub width: bool,
    /// Half-width kana become full-width, with their voiced marks.
    pub kana: bool,
    /// Every dash becomes `-`, or `ー` where it stands for the long vowel of a word in kana.
    pub dashes: bool,
    /// No-break, ideographic and other spaces, tabs and line breaks become one space; none at the ends.
    pub spaces: bool,
}

impl Folding {
    /// What always holds.
    pub const SPACES: Self = Self {
        width: false,
        kana: false,
        dashes: false,
        spaces: true,
    };

    /// Everything.
    pub const ALL: Self = Self {
        width: true,
        kana: true,
        dashes: true,
        spaces: true,
    };

    /// The folding of a name in a mapping, and their names.
    pub const NAMES: [&str; 4] = ["width", "kana", "dashes", "spaces"];

    /// The same with one more, by its name in mappings; `None`: there is no such one.
    #[must_use]
    pub fn with(mut self, name: &str) -> Option<Self> {
        match name {
            "width" => self.width = true,
            "kana" => self.kana = true,
            "dashes" => self.dashes = true,
            "spaces" => self.spaces = true,
            _ => return None,
        }
        Some(self)
    }

    /// The text in the writing that all its writings share. A text longer than [`LONGEST_FOLDED`] stays as it is.
    #[must_use]
    pub fn fold<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if text.len() > LONGEST_FOLDED || !self.touches(text) {
            return Cow::Borrowed(text);
        }
        let mut folded: Cow<'t, str> = Cow::Borrowed(text);
        if self.kana && folded.chars().any(is_half_width_kana) {
            folded = Cow::Owned(full_width_kana(&folded));
        }
        if self.dashes {
            folded = Cow::Owned(fold_dashes(&folded));
        }
        if self.width {
            folded = Cow::Owned(folded.chars().map(half_width).collect());
        }
        if self.spaces {
            folded = Cow::Owned(fold_spaces(&folded));
        }
        folded
    }

    /// Whether anything of the text may change: most texts need not be written anew.
    fn touches(&self, text: &str) -> bool {
        let mut before = ' ';
        for character in text.chars() {
            let is_touched = (self.spaces && (is_other_space(character) || (character == ' ' && before == ' ')))
                || (self.width && half_width(character) != character)
                || (self.kana && is_half_width_kana(character))
                || (self.dashes && character != '-' && (is_dash(character) || is_long_vowel(character)));
            if is_touched {
                return true;
            }
            before = character;
        }
        self.spaces && before == ' ' && !text.is_empty()
    }
}

/// A header, or what else names a column, in the writing by which it is compared: compatibility forms (NFKC), dashes, spaces.
#[must_use]
pub fn name_key(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || text.len() > LONGEST_FOLDED {
        return Folding::SPACES.fold(text);
    }
    let kana = full_width_kana(text);
    let dashes = fold_dashes(&kana);
    let composed: String = dashes.nfkc().collect();
    // Superscripts and their like become dashes only now.
    Cow::Owned(fold_spaces(&fold_dashes(&composed)))
}

/// The ASCII form of a full-width character, the space included; every other stays. `～` stays as well.
#[must_use]
pub fn half_width(character: char) -> char {
    match character {
        '\u{FF5E}' => character,
        // They stand in the order of ASCII.
        '\u{FF01}'..='\u{FF5D}' => char::from_u32(u32::from(character) - 0xFEE0).unwrap_or(character),
        '\u{3000}' => ' ',
        '\u{FFE5}' => '¥',
        other => other,
    }
}

/// Whether a character is one of those that people take for a dash or a minus sign: `-`, hyphens, en and em dash, the
/// horizontal bar, the minus sign, lines of tables. Not `ー`, which is a letter.
#[must_use]
pub fn is_dash(character: char) -> bool {
    matches!(
        character,
        '-' | '\u{00AD}' | '\u{2010}'
            ..='\u{2015}' | '\u{2212}' | '\u{2500}' | '\u{2501}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}'
    )
}

/// The long vowel of kana, in both widths.
const fn is_long_vowel(character: char) -> bool {
    matches!(character, '\u{30FC}' | '\u{FF70}')
}

/// Whether a text is nothing but dashes, `ー` among them: what is written where there is nothing.
#[must_use]
pub fn is_only_dashes(text: &str) -> bool {
    let mut characters = text.trim().chars().peekable();
    characters.peek().is_some() && characters.all(|character| is_dash(character) || is_long_vowel(character))
}

fn is_kana(character: char) -> bool {
    matches!(character, '\u{3041}'..='\u{3096}' | '\u{309D}'..='\u{309F}' | '\u{30A1}'..='\u{30FA}' | '\u{30FD}'..='\u{30FF}')
        || (is_half_width_kana(character) && character != '\u{FF70}' && character > '\u{FF65}')
}

const fn is_half_width_kana(character: char) -> bool {
    matches!(character, '\u{FF61}'..='\u{FF9F}')
}

/// Half-width kana and their marks, which stand behind them, as full-width ones.
fn full_width_kana(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    let mut run = String::new();
    let flush = |run: &mut String, whole: &mut String| {
        // Compatibility composition of kana alone: it joins the marks, and does nothing else to them.
        whole.extend(run.nfkc());
        run.clear();
    };
    for character in text.chars() {
        if is_half_width_kana(character) {
            run.push(character);
        } else {
            flush(&mut run, &mut whole);
            whole.push(character);
        }
    }
    flush(&mut run, &mut whole);
    whole
}

fn fold_dashes(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut before = None;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let after_kana = before.is_some_and(is_kana);
        let shown = if is_long_vowel(character) {
            if after_kana { 'ー' } else { '-' }
        } else if is_dash(character) {
            let goes_on = characters.peek().is_none_or(|next| is_kana(*next));
            // The hyphen of ASCII is never meant for a long vowel; the others are found for it in headers.
            if after_kana && goes_on && character != '-' {
                'ー'
            } else {
                '-'
            }
        } else {
            character
        };
        folded.push(shown);
        before = Some(character);
    }
    folded
}

fn fold_spaces(text: &str) -> String {
    let visible: String = text
        .chars()
        .filter(|character| !is_invisible(*character))
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    words.join(" ")
}

/// What becomes a space, or nothing, when spaces are folded.
fn is_other_space(character: char) -> bool {
    character != ' ' && (character.is_whitespace() || character.is_control() || is_invisible(character))
}

/// Characters without a width that editors leave behind. Joiners of emoji and variation selectors say something: they stay.
const fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200B}' | '\u{2060}' | '\u{FEFF}')
}

/// Why a character may not be what its author saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Doubt {
    /// 外字: of a private use area, drawn by one organisation's own font.
    UserDefined,
    /// U+FFFD: some decoder did not know what stood there.
    Replacement,
}

/// A character that may not be what its author saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubtful {
    /// Its place in the text, in characters, the first being 1.
    pub place: usize,
    /// Which it is.
    pub character: char,
    /// Why.
    pub doubt: Doubt,
}

/// The characters of a text that may not be what their author saw, in order.
pub fn doubtful(text: &str) -> impl Iterator<Item = Doubtful> + '_ {
    // All of them begin with 0xEE, 0xEF, 0xF3 or 0xF4 in UTF-8: most texts hold none of these bytes.
    let looked_at = if text.bytes().any(|byte| matches!(byte, 0xEE | 0xEF | 0xF3 | 0xF4)) {
        text
    } else {
        ""
    };
    (1..).zip(looked_at.chars()).filter_map(|(place, character)| {
        let doubt = match character {
            '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{FFFFD}' | '\u{100000}'..='\u{10FFFD}' => Doubt::UserDefined,
            '\u{FFFD}' => Doubt::Replacement,
            _ => return None,
        };
        Some(Doubtful {
            place,
            character,
            doubt,
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str) -> String {
        Folding::ALL.fold(text).into_owned()
    }

    #[test]
    fn one_text_in_several_writings_folds_to_one() {
        assert_eq!(all("ＡＥＤ　１２"), "AED 12");
        assert_eq!(all("ｶﾞｿﾘﾝﾎﾟﾝﾌﾟ"), "ガソリンポンプ");
        assert_eq!(all("ﾃﾞｰﾀ"), "データ");
        assert_eq!(all("\u{a0} 佐野\u{3000}\r\n市 "), "佐野 市");
        for dash in ["-", "‐", "‑", "–", "—", "―", "−", "－", "─"] {
            assert_eq!(all(&format!("1{dash}2")), "1-2", "{dash}");
        }
        assert_eq!(all("1ー2"), "1-2");
    }

    #[test]
    fn what_is_not_asked_for_stays() {
        assert_eq!(Folding::default().fold("Ａ　ｱ−"), "Ａ　ｱ−");
        assert_eq!(Folding::SPACES.fold("Ａ\u{3000}"), "Ａ");
        assert_eq!(all("10〜20"), "10〜20");
        assert_eq!(all("10～20"), "10～20");
        assert_eq!(all("葛\u{E0100}城"), "葛\u{E0100}城");
        assert_eq!(Folding::default().with("kana").unwrap().fold("ＡｶﾞＢ"), "ＡガＢ");
        assert!(Folding::default().with("case").is_none());
        let long = "Ａ".repeat(LONGEST_FOLDED);
        assert_eq!(Folding::ALL.fold(&long), long);
    }

    #[test]
    fn a_dash_for_a_long_vowel_is_one() {
        // Written with U+2015 in published files.
        assert_eq!(all("市区町村コ―ド"), "市区町村コード");
        assert_eq!(all("センタ－"), "センター");
        assert_eq!(all("ビル－Ａ"), "ビル-A");
        assert_eq!(all("サーバー"), "サーバー");
    }

    #[test]
    fn headers_of_published_files_are_found_under_their_names() {
        assert_eq!(name_key("公共施設\u{3000}"), "公共施設");
        assert_eq!(
            name_key("都道府県コ―ド又は市区町村コ―ド"),
            name_key("都道府県コード又は市区町村コード")
        );
        assert_eq!(name_key("建物名等（方書）"), name_key("建物名等(方書)"));
        assert_eq!(name_key("№"), "No");
        assert_ne!(name_key("名称_英字"), name_key("名称_英語"));
    }

    #[test]
    fn doubtful_characters_are_told_by_their_place() {
        assert_eq!(doubtful("佐野市朝日町").next(), None);
        let found: Vec<_> = doubtful("高\u{E000}橋\u{FFFD}\u{10FFFD}").collect();
        let places: Vec<_> = found.iter().map(|one| (one.place, one.doubt)).collect();
        assert_eq!(
            places,
            [
                (2, Doubt::UserDefined),
                (4, Doubt::Replacement),
                (5, Doubt::UserDefined)
            ]
        );
        // Compatibility ideographs, variation selectors and characters of JIS X 0213 are somebody's names.
        assert_eq!(doubtful("﨑葛\u{E0100}𠮷か\u{309A}").count(), 0);
    }

    #[test]
    fn a_line_is_nothing() {
        for text in ["-", "―", "ー", "---", " － "] {
            assert!(is_only_dashes(text), "{text}");
        }
        assert!(!is_only_dashes("") && !is_only_dashes("-1"));
    }

    proptest! {
        #[test]
        fn what_is_folded_folds_to_itself(text in any::<String>(), close in "[Ａ-Ｚｦ-ﾟアーｰ―－ 　〜～-]{0,20}") {
            for text in [text, close] {
                let folded = all(&text);
                prop_assert_eq!(all(&folded), folded.as_str());
                let key = name_key(&text);
                prop_assert_eq!(name_key(&key), key.as_ref());
                let _ = doubtful(&text).count();
            }
        }
    }
}
