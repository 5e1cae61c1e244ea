//! E-mail addresses that are no local government's.

use std::ops::Range;

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

/// Where addresses stand, in order.
pub(super) fn addresses(text: &[char]) -> Vec<Range<usize>> {
    let ats = text.iter().enumerate().filter(|(_, character)| **character == '@');
    ats.filter_map(|(at, _)| address_at(text, at)).collect()
}

fn address_at(text: &[char], at: usize) -> Option<Range<usize>> {
    let spaces = |characters: &mut dyn Iterator<Item = &char>| {
        let spaces = characters.take_while(|character| character.is_whitespace()).count();
        if spaces <= MOST_SPACES { spaces } else { 0 }
    };
    let behind = spaces(&mut text.get(at + 1..).unwrap_or_default().iter());
    // `Instagram @sano.kankou` is no address: only a space behind the sign lets one stand before it.
    let before = if behind > 0 {
        spaces(&mut text.get(..at).unwrap_or_default().iter().rev())
    } else {
        0
    };
    let local_end = at - before;
    let local = Local::before(text.get(..local_end).unwrap_or_default());
    let start = at + 1 + behind;
    let behind = text.get(start..).unwrap_or_default();
    let domain = Domain::at(behind.get(..LONGEST_DOMAIN).unwrap_or(behind))?;
    let is_address = local.length > 0 && !domain.is_official() && (local.is_plain || domain.is_sure);
    is_address.then(|| local_end - local.length..start + domain.length)
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
        let plain = reversed().take_while(|character| is_local(**character)).count();
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

impl Domain {
    fn at(text: &[char]) -> Option<Self> {
        let is_of_domain = |character: &&char| character.is_alphanumeric() || matches!(character, '-' | '.' | '。');
        let run = text.iter().take_while(is_of_domain).count();
        let text = text.get(..run).unwrap_or_default();
        let mut name = String::new();
        let mut found = None;
        let mut length = 0;
        let mut dot = None;
        for label in text.split(|character| matches!(character, '.' | '。')) {
            if label.is_empty() {
                break;
            }
            if let Some(dot) = dot {
                let has_name = name.chars().any(char::is_alphabetic);
                if let Some(end) = TopLevel::of(label).filter(|end| end.follows(dot, has_name)) {
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
            length += label.len() + 1;
            dot = text.get(length - 1);
        }
        found
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
    fn follows(&self, dot: &char, has_name: bool) -> bool {
        match dot {
            '。' => self.is_known,
            _ => has_name || (!self.is_other_script || self.is_known),
        }
    }
}

fn is_of_encoded(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '-'
}
