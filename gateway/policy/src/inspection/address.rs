//! E-mail addresses that are no local government's.

use std::ops::Range;

use super::numbers::is_left_out;

/// The shortest run of characters after the last dot of a domain.
const SHORTEST_TOP_LEVEL: usize = 2;

/// The domain of local governments: an address below it is an office's, not a person's.
const OFFICIAL_DOMAIN: &str = "lg.jp";

/// Most spaces at either side of the `@`.
const MOST_SPACES: usize = 3;

/// Characters that are looked at before the `@` and behind it: RFC 5321 lets an address have no more.
const LONGEST_LOCAL: usize = 64;
const LONGEST_DOMAIN: usize = 255;

/// Top-level domains of more than two letters that many addresses end in. Asked for where a sentence or the name of a
/// social network may look like an address otherwise.
const COMMON_TOP_LEVEL: [&str; 30] = [
    "com", "net", "org", "info", "biz", "edu", "gov", "mil", "int", "name", "pro", "mobi", "asia", "app", "dev", "xyz",
    "online", "site", "shop", "store", "club", "cloud", "blog", "work", "email", "tokyo", "osaka", "kyoto", "nagoya",
    "okinawa",
];

/// The same of other scripts.
const TOP_LEVEL_OF_OTHER_SCRIPTS: [&str; 30] = [
    "みんな",
    "コム",
    "テスト",
    "セール",
    "ストア",
    "クラウド",
    "ポイント",
    "グーグル",
    "アマゾン",
    "ファッション",
    "家電",
    "食品",
    "書籍",
    "通販",
    "中国",
    "中國",
    "公司",
    "网络",
    "網絡",
    "香港",
    "台湾",
    "台灣",
    "한국",
    "닷컴",
    "닷넷",
    "рф",
    "рус",
    "онлайн",
    "भारत",
    "ไทย",
];

/// Top-level domains that what is called by an `@` on social networks seldom ends in. `@sano.kankou` is no address.
const TOP_LEVEL_OF_ADDRESSES: [&str; 8] = ["com", "net", "org", "info", "biz", "edu", "gov", "jp"];

/// Words that stand before the `@` of a name on a social network, in lower case.
const NETWORKS: [&str; 14] = [
    "instagram",
    "insta",
    "ig",
    "twitter",
    "x",
    "facebook",
    "fb",
    "line",
    "tiktok",
    "youtube",
    "threads",
    "bluesky",
    "follow",
    "us",
];

/// Where addresses stand, in order.
pub(super) fn addresses(text: &[char]) -> Vec<Range<usize>> {
    let signs = (0..text.len()).filter_map(|at| Sign::at(text, at));
    signs.filter_map(|sign| address_at(text, &sign)).collect()
}

fn spaces<'a>(characters: impl Iterator<Item = &'a char>) -> usize {
    let spaces = characters.take_while(|character| character.is_whitespace()).count();
    if spaces <= MOST_SPACES { spaces } else { 0 }
}

fn address_at(text: &[char], sign: &Sign) -> Option<Range<usize>> {
    let all_before = text.get(..sign.place.start)?;
    let all_behind = text.get(sign.place.end..)?;
    let (before, behind) = match sign.kind {
        Kind::Encoded => (0, 0),
        _ => (spaces(all_before.iter().rev()), spaces(all_behind.iter())),
    };
    let local_end = sign.place.start - before;
    let local = Local::before(text.get(..local_end)?);
    let start = sign.place.end + behind;
    let behind_it = text.get(start..)?;
    let domain = Domain::at(behind_it.get(..LONGEST_DOMAIN).unwrap_or(behind_it))?;
    let is_address = match sign.kind {
        // `Instagram @sano.kankou`, and a line that begins with such a name.
        Kind::Plain if before > 0 && behind == 0 => {
            let between = text.get(local_end..sign.place.start)?;
            let written = text.get(local_end - local.length..local_end)?;
            local.is_plain && names_nobody_else(written) && !between.contains(&'\n') && domain.is_of_addresses()
        }
        Kind::Plain | Kind::Bracketed => local.is_plain || domain.is_sure,
        Kind::Worded | Kind::Encoded => local.is_plain && domain.is_sure,
    };
    let is_address = is_address && local.length > 0 && !domain.is_official();
    is_address.then(|| local_end - local.length..start + domain.length)
}

/// Whether a word before an `@` is no network's and no number.
fn names_nobody_else(written: &[char]) -> bool {
    let word: String = written.iter().map(char::to_ascii_lowercase).collect();
    word.contains(|character: char| character.is_ascii_alphabetic()) && !NETWORKS.contains(&word.as_str())
}

/// The `@` of an address, or what is written in its place against those who collect addresses.
struct Sign {
    place: Range<usize>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    /// `[@]`
    Bracketed,
    /// `[at]`
    Worded,
    /// `=40`, as quoted-printable has it.
    Encoded,
}

/// Words for an `@`, in brackets, the longer ones first.
const WORDS_FOR_AT: [&str; 6] = ["atmark", "at mark", "at sign", "at", "アットマーク", "アット"];

/// And for a dot.
const WORDS_FOR_DOT: [&str; 3] = ["dot", "ドット", "."];

impl Sign {
    fn at(text: &[char], at: usize) -> Option<Self> {
        let rest = text.get(at..)?;
        match rest.first()? {
            '@' => Some(Self {
                place: at..at + 1,
                kind: Kind::Plain,
            }),
            '=' if rest.get(1..3) == Some(&['4', '0']) => Some(Self {
                place: at..at + 3,
                kind: Kind::Encoded,
            }),
            _ => {
                let length = bracketed(rest, &["@"]).map(|length| (length, Kind::Bracketed));
                let worded = || bracketed(rest, &WORDS_FOR_AT).map(|length| (length, Kind::Worded));
                let (length, kind) = length.or_else(worded)?;
                Some(Self {
                    place: at..at + length,
                    kind,
                })
            }
        }
    }
}

/// How long the brackets are, with one of the words in them, that a text begins with.
fn bracketed(text: &[char], words: &[&str]) -> Option<usize> {
    let (first, inside) = text.split_first()?;
    if !opens(*first) {
        return None;
    }
    let before = spaces(inside.iter());
    let inside = inside.get(before..)?;
    words.iter().find_map(|word| {
        let length = length_of_word(inside, word)?;
        let behind = inside.get(length..)?;
        let spaces = spaces(behind.iter());
        let is_closed = behind.get(spaces).is_some_and(|character| closes(*character));
        is_closed.then_some(1 + before + length + spaces + 1)
    })
}

/// How many characters of a text are the word that it begins with, in letters of any case.
fn length_of_word(text: &[char], word: &str) -> Option<usize> {
    let length = word.chars().count();
    let begun = text.get(..length)?.iter();
    begun.map(char::to_ascii_lowercase).eq(word.chars()).then_some(length)
}

fn opens(character: char) -> bool {
    matches!(
        character,
        '(' | '[' | '{' | '<' | '〈' | '《' | '「' | '『' | '【' | '〔' | '〖' | '〘' | '〚'
    )
}

fn closes(character: char) -> bool {
    matches!(
        character,
        ')' | ']' | '}' | '>' | '〉' | '》' | '」' | '』' | '】' | '〕' | '〗' | '〙' | '〛'
    )
}

/// Whether a text may have an address of which the `@` is written as a word. Most texts have neither an `a` nor an `ア`, of
/// whatever width, which is seen by two bytes at a time.
pub(super) fn may_be_worded(text: &str) -> bool {
    let bytes = text.as_bytes();
    let pairs = bytes.iter().zip(bytes.get(1..).unwrap_or_default());
    let has_letter = pairs.fold(false, |found, (first, second)| {
        found
            | (*first | 0x20 == b'a')
            | ((*first == 0x82) & (*second == 0xA2))
            | ((*first == 0xBC) & (*second == 0xA1))
            | ((*first == 0xBD) & matches!(*second, 0x81 | 0xB1))
    });
    has_letter && follows(text, is_opening_of_any_width, |inside| "aAａＡアｱ".contains(inside))
}

/// Whether it may have one of which the `@` is written `=40`.
pub(super) fn may_be_quoted(text: &str) -> bool {
    text.contains('=') && follows(text, |sign| sign == '=', |behind| behind == '4' || !behind.is_ascii())
}

fn is_opening_of_any_width(character: char) -> bool {
    opens(character) || matches!(character, '（' | '［' | '｛' | '＜' | '｢')
}

/// Whether a character stands behind another, with nothing between but spaces and what nobody sees.
fn follows(text: &str, is_first: impl Fn(char) -> bool, is_next: impl Fn(char) -> bool) -> bool {
    let mut is_behind = false;
    text.chars().any(|character| {
        if is_behind && is_next(character) {
            return true;
        }
        is_behind = is_first(character) || (is_behind && (character.is_whitespace() || is_left_out(character)));
        false
    })
}

/// What stands before the `@`.
struct Local {
    length: usize,
    /// Whether it is of ASCII next to the `@`. A word of a sentence is not, and a name may be followed by that of a social
    /// network.
    is_plain: bool,
}

impl Local {
    fn before(text: &[char]) -> Self {
        let reversed = || text.iter().rev().take(LONGEST_LOCAL);
        if text.last() == Some(&'"') {
            let length = reversed().skip(1).position(|character| *character == '"');
            return Self {
                length: length.map_or(0, |length| length + 2),
                is_plain: true,
            };
        }
        let plain = length_of_plain_local(text);
        let first = reversed().take(plain).next_back();
        // `連絡先はtaro@` and `佐野.taro@`
        if plain > 0 && !first.is_some_and(|first| matches!(first, '.' | '_' | '-' | '+')) {
            return Self {
                length: plain,
                is_plain: true,
            };
        }
        let is_word = |character: &&char| is_local(**character) || character.is_alphanumeric();
        Self {
            length: reversed().take_while(is_word).count(),
            is_plain: plain > 0,
        }
    }
}

/// How many characters at the end of a text are such ones, `=2E` for a dot among them.
fn length_of_plain_local(text: &[char]) -> usize {
    let mut length = 0;
    loop {
        let rest = text.get(..text.len() - length).unwrap_or_default();
        length += match rest {
            _ if length >= LONGEST_LOCAL => return length,
            [.., '=', '2', 'E' | 'e'] => 3,
            [.., last] if is_local(*last) => 1,
            _ => return length,
        };
    }
}

/// RFC 5322 `atext` and the dot, without what stands before an address in a URL and in no address that exists.
fn is_local(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%'*+-^_`{|}~.".contains(character)
}

/// The domain that a text begins with: of ASCII, or of words of any language. The full stop of Japanese is a dot, too
/// (RFC 3490), where what stands behind it is no next sentence.
struct Domain {
    /// With dots of ASCII.
    name: String,
    length: usize,
    /// Whether it ends as many do.
    is_sure: bool,
}

/// What parts two labels of a domain.
struct Dot {
    length: usize,
    /// Whether what stands behind it is the next sentence unless it is a well-known end of a domain.
    may_end_sentence: bool,
}

impl Dot {
    fn at(text: &[char]) -> Option<Self> {
        let (length, may_end_sentence) = match text {
            ['.', ..] => (1, false),
            ['。', ..] => (1, true),
            ['=', '2', 'E' | 'e', ..] => (3, true),
            _ => {
                let before = spaces(text.iter());
                let rest = text.get(before..)?;
                let word = bracketed(rest, &WORDS_FOR_DOT)
                    .or_else(|| length_of_word(rest, WORDS_FOR_DOT.first()?).filter(|_| before > 0))?;
                let behind = spaces(rest.get(word..)?.iter());
                (before + word + behind, true)
            }
        };
        Some(Self {
            length,
            may_end_sentence,
        })
    }
}

impl Domain {
    fn at(text: &[char]) -> Option<Self> {
        let is_of_label = |character: &&char| character.is_alphanumeric() || **character == '-';
        let mut name = String::new();
        let mut found = None;
        let mut length = 0;
        let mut dot: Option<Dot> = None;
        loop {
            let rest = text.get(length..).unwrap_or_default();
            let label = rest
                .get(..rest.iter().take_while(is_of_label).count())
                .unwrap_or_default();
            if label.is_empty() {
                break;
            }
            if let Some(dot) = dot {
                let has_name = name.chars().any(char::is_alphabetic);
                if let Some(end) = TopLevel::of(label).filter(|end| end.follows(&dot, has_name)) {
                    let written = label.iter().take(end.length);
                    found = Some(Self {
                        name: name.chars().chain(written.copied()).collect(),
                        length: length + end.length,
                        is_sure: end.is_known || end.is_other_script,
                    });
                    // `jpまで`: a text goes on behind it.
                    if end.length < label.len() {
                        break;
                    }
                }
            }
            name.extend(label);
            name.push('.');
            length += label.len();
            dot = text.get(length..).and_then(Dot::at);
            length += dot.as_ref().map_or(0, |dot| dot.length);
            if dot.is_none() {
                break;
            }
        }
        found
    }

    /// Whether it ends as addresses do and names on social networks seldom do.
    fn is_of_addresses(&self) -> bool {
        let end = self.name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        TOP_LEVEL_OF_ADDRESSES.contains(&end.as_str())
    }

    fn is_official(&self) -> bool {
        let name = self.name.to_ascii_lowercase();
        name == OFFICIAL_DOMAIN
            || name
                .strip_suffix(OFFICIAL_DOMAIN)
                .is_some_and(|rest| rest.ends_with('.'))
    }
}

/// What a domain may end with.
struct TopLevel {
    /// How much of a label it is.
    length: usize,
    is_known: bool,
    is_other_script: bool,
}

impl TopLevel {
    fn of(label: &[char]) -> Option<Self> {
        let is_plain = label.first()?.is_ascii();
        if !is_plain {
            return Self::of_other_script(label);
        }
        let encoded: String = label
            .iter()
            .take_while(|character| is_of_encoded(**character))
            .collect();
        if encoded.starts_with("xn--") {
            return Some(Self {
                length: encoded.len(),
                is_known: true,
                is_other_script: false,
            });
        }
        let letters: String = label
            .iter()
            .take_while(|character| character.is_ascii_alphabetic())
            .collect();
        // A number, or a part of a name with a hyphen.
        let goes_on = label.get(letters.len()).is_some_and(char::is_ascii_alphanumeric);
        let lower = letters.to_ascii_lowercase();
        (letters.len() >= SHORTEST_TOP_LEVEL && !goes_on).then(|| Self {
            length: letters.len(),
            is_known: letters.len() == SHORTEST_TOP_LEVEL || COMMON_TOP_LEVEL.contains(&lower.as_str()),
            is_other_script: false,
        })
    }

    fn of_other_script(label: &[char]) -> Option<Self> {
        let begins_with = |known: &&&str| {
            let length = known.chars().count();
            label
                .get(..length)
                .is_some_and(|start| start.iter().copied().eq(known.chars()))
        };
        let known = TOP_LEVEL_OF_OTHER_SCRIPTS.iter().find(begins_with);
        let letters = label.iter().take_while(|character| character.is_alphabetic()).count();
        let length = known.map_or(letters, |known| known.chars().count());
        (length >= SHORTEST_TOP_LEVEL).then_some(Self {
            length,
            is_known: known.is_some(),
            is_other_script: true,
        })
    }

    /// Whether a domain may end so behind a dot. `has_name`: whether there are letters before it.
    fn follows(&self, dot: &Dot, has_name: bool) -> bool {
        if dot.may_end_sentence {
            return self.is_known;
        }
        has_name || (!self.is_other_script || self.is_known)
    }
}

fn is_of_encoded(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '-'
}
