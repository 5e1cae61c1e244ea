//! E-mail addresses that are no local government's.

use std::ops::Range;

/// The shortest run of characters after the last dot of a domain.
const SHORTEST_TOP_LEVEL: usize = 2;

/// The domain of local governments: an address below it is an office's, not a person's.
const OFFICIAL_DOMAIN: &str = "lg.jp";

/// Most spaces at either side of the `@`.
const MOST_SPACES: usize = 3;

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
    let local = local_length(text.get(..local_end).unwrap_or_default());
    let start = at + 1 + behind;
    let domain = domain_at(text.get(start..).unwrap_or_default());
    let is_address = local > 0 && is_host(&domain) && !is_official(&domain);
    is_address.then(|| local_end - local..start + domain.chars().count())
}

/// How many characters before the `@` are the address's.
fn local_length(before: &[char]) -> usize {
    let mut backwards = before.iter().rev();
    if before.last() == Some(&'"') {
        backwards.next();
        return backwards
            .position(|character| *character == '"')
            .map_or(0, |length| length + 2);
    }
    backwards.take_while(|character| is_local(**character)).count()
}

/// RFC 5322 `atext` and the dot, without what stands before an address in a URL and in no address that exists.
fn is_local(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%'*+-^_`{|}~.".contains(character)
}

/// The domain that a text begins with: of ASCII, or one whose labels are words of any language before a last one of
/// ASCII.
fn domain_at(behind: &[char]) -> String {
    let is_plain = |character: &&char| character.is_ascii_alphanumeric() || matches!(character, '-' | '.');
    let plain: String = behind.iter().take_while(is_plain).collect();
    let plain = plain.trim_end_matches(['.', '-']);
    if is_host(plain) {
        return plain.to_owned();
    }
    let is_word = |character: &&char| character.is_alphanumeric() || matches!(character, '-' | '.');
    let words: String = behind.iter().take_while(is_word).collect();
    let Some((labels, last)) = words.trim_end_matches(['.', '-']).rsplit_once('.') else {
        return String::new();
    };
    let top_level: String = last.chars().take_while(char::is_ascii_alphabetic).collect();
    format!("{labels}.{top_level}")
}

fn is_host(domain: &str) -> bool {
    let mut labels = domain.rsplit('.');
    let top_level = labels.next().unwrap_or_default();
    let is_top_level =
        top_level.starts_with("xn--") || top_level.chars().all(|character| character.is_ascii_alphabetic());
    let mut others = labels.peekable();
    is_top_level
        && top_level.len() >= SHORTEST_TOP_LEVEL
        && others.peek().is_some()
        && others.all(|label| !label.is_empty())
}

fn is_official(domain: &str) -> bool {
    let domain = domain.to_ascii_lowercase();
    domain == OFFICIAL_DOMAIN
        || domain
            .strip_suffix(OFFICIAL_DOMAIN)
            .is_some_and(|rest| rest.ends_with('.'))
}
