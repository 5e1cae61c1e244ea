//! Bracket expressions of IEEE 1003.2 (section 9.3.5 of its base definitions), in the syntax of the `regex` crate.
//!
//! The two agree on `[a-z]`, `[^a]`, `[]a]` and `[[:alpha:]]`. They differ in what else may stand between the brackets:
//! there IEEE 1003.2 takes `[`, `&&`, `--` and `~~` as the characters that they are, knows collating symbols (`[.-.]`)
//! and equivalence classes (`[=a=]`), and its character classes are those of the whole alphabet, not of ASCII.
//!
//! One thing is as clients write it, not as the standard has it: a backslash escapes between brackets, too. `[\d\]]` is
//! a digit or a bracket.

use std::borrow::Cow;

/// Bytes of the bracket expression that the text begins with. `None`: it does not end.
pub(super) fn length(text: &str) -> Option<usize> {
    let mut rest = text.strip_prefix('[')?;
    rest = rest.strip_prefix('^').unwrap_or(rest);
    // First of all it stands for itself.
    rest = rest.strip_prefix(']').unwrap_or(rest);
    loop {
        if let Some(after) = rest.strip_prefix(']') {
            return Some(text.len() - after.len());
        }
        rest = element(rest)?.1;
    }
}

/// A whole regular expression of IEEE 1003.2 in the syntax of the `regex` crate. `None`: a bracket expression that does
/// not end, or holds a class or symbol that does not exist.
pub(in crate::query) fn translate(pattern: &str) -> Option<Cow<'_, str>> {
    if !pattern.contains('[') {
        return Some(Cow::Borrowed(pattern));
    }
    let mut translated = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    while let Some(next) = rest.chars().next() {
        let taken = match next {
            // The escaped character is no bracket.
            '\\' => 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
            '[' => {
                let bracket = rest.get(..length(rest)?)?;
                translate_bracket(bracket, &mut translated)?;
                rest = rest.strip_prefix(bracket)?;
                continue;
            }
            other => other.len_utf8(),
        };
        let (copied, after) = rest.split_at_checked(taken)?;
        translated.push_str(copied);
        rest = after;
    }
    Some(Cow::Owned(translated))
}

/// Translates one bracket expression, brackets included.
fn translate_bracket(bracket: &str, translated: &mut String) -> Option<()> {
    let inside = bracket.strip_prefix('[')?.strip_suffix(']')?;
    translated.push('[');
    let mut rest = match inside.strip_prefix('^') {
        Some(rest) => {
            translated.push('^');
            rest
        }
        None => inside,
    };
    let mut is_first = true;
    while !rest.is_empty() {
        let (found, after) = match rest.strip_prefix(']') {
            Some(after) if is_first => (Element::Character(']'), after),
            _ => element(rest)?,
        };
        is_first = false;
        rest = after;
        match found {
            Element::Class(name) => translated.push_str(class(name)?),
            Element::Escape(escape) => translated.push_str(escape),
            Element::Character(from) => {
                push(translated, from);
                // A `-` between two characters makes a range; at the end it is one itself.
                let Some(range) = rest.strip_prefix('-').filter(|range| !range.is_empty()) else {
                    continue;
                };
                let (Element::Character(to), after) = element(range)? else {
                    return None;
                };
                translated.push('-');
                push(translated, to);
                rest = after;
            }
        }
    }
    translated.push(']');
    Some(())
}

/// What stands between brackets.
enum Element<'t> {
    Character(char),
    /// The name of a character class.
    Class(&'t str),
    /// A backslash and what it escapes.
    Escape(&'t str),
}

/// The element that the text begins with, and what follows it.
fn element(text: &str) -> Option<(Element<'_>, &str)> {
    if let Some(inside) = text.strip_prefix("[:") {
        let (name, after) = inside.split_once(":]")?;
        return Some((Element::Class(name), after));
    }
    for (opening, closing) in [("[=", "=]"), ("[.", ".]")] {
        if let Some(inside) = text.strip_prefix(opening) {
            // Symbols of several characters exist in some locales only. Without one, a character is equivalent to none
            // but itself.
            let symbol = inside.chars().next()?;
            let after = inside.strip_prefix(symbol)?.strip_prefix(closing)?;
            return Some((Element::Character(symbol), after));
        }
    }
    let first = text.chars().next()?;
    if first == '\\' {
        let length = escape_length(text)?;
        let (escape, after) = text.split_at_checked(length)?;
        return Some((Element::Escape(escape), after));
    }
    Some((Element::Character(first), text.strip_prefix(first)?))
}

/// Bytes of an escape: a backslash and one character, or more where braces follow: `\p{Han}`, `\u{4f50}`.
fn escape_length(text: &str) -> Option<usize> {
    let escaped = text.chars().nth(1)?;
    let length = 1 + escaped.len_utf8();
    if matches!(escaped, 'p' | 'P' | 'x' | 'u' | 'U') && text.get(length..)?.starts_with('{') {
        return Some(length + text.get(length..)?.find('}')? + 1);
    }
    Some(length)
}

/// Writes a character so that it stands for itself between brackets.
fn push(translated: &mut String, character: char) {
    if matches!(character, '[' | ']' | '^' | '-' | '&' | '~' | '\\') {
        translated.push('\\');
    }
    translated.push(character);
}

/// A character class as Unicode TS 18 (annex C, compatibility properties) has it.
fn class(name: &str) -> Option<&'static str> {
    Some(match name {
        "alpha" => r"\p{Alphabetic}",
        "lower" => r"\p{Lowercase}",
        "upper" => r"\p{Uppercase}",
        "digit" => r"\p{Nd}",
        "alnum" => r"\p{Alphabetic}\p{Nd}",
        "xdigit" => "0-9A-Fa-f",
        "punct" => r"\p{P}\p{S}",
        "space" => r"\p{White_Space}",
        "blank" => r"\p{Zs}\t",
        "cntrl" => r"\p{Cc}",
        "graph" => r"[^\p{White_Space}\p{Cc}\p{Cn}]",
        "print" => r"[[^\p{White_Space}\p{Cc}\p{Cn}]\p{Zs}]",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_in(bracket: &str, character: char) -> bool {
        let translated = translate(bracket).unwrap_or_else(|| panic!("{bracket}"));
        let regex = regex::Regex::new(&format!(r"\A{translated}\z")).unwrap_or_else(|error| panic!("{error}"));
        regex.is_match(&character.to_string())
    }

    #[test]
    fn between_brackets_characters_stand_for_themselves() {
        for (bracket, inside, outside) in [
            ("[abc]", "ac", "d]"),
            ("[^abc]", "d\n", "a"),
            ("[]a]", "]a", "b["),
            ("[^]a]", "b[", "]a"),
            ("[a-c]", "abc", "-d"),
            ("[a-]", "a-", "b"),
            ("[-a]", "a-", "b"),
            ("[+--]", "+,-", ".*"),
            ("[a&&b]", "ab&", "c"),
            ("[a~~b]", "ab~", "c"),
            ("[[]", "[", "]"),
            ("[a[b]", "a[b", "]"),
            ("[(|;)*.]", "(|;)*.", "a"),
            ("[a^]", "a^", "b"),
            ("[佐-野]", "佐野", "佉"),
            (r"[\d\]\-]", "0]-", r"\d"),
            (r"[\p{Han}x]", "漢x", "あp{"),
            (r"[\u{4f50}]", "佐", "u"),
        ] {
            for character in inside.chars() {
                assert!(is_in(bracket, character), "{bracket} {character}");
            }
            for character in outside.chars() {
                assert!(!is_in(bracket, character), "{bracket} {character}");
            }
        }
    }

    #[test]
    fn classes_symbols_and_equivalents_are_those_of_every_script() {
        for (bracket, inside, outside) in [
            ("[[:alpha:]]", "aé佐あא", "1_ "),
            ("[[:alnum:]_]", "a佐1９_", " -"),
            ("[[:digit:]]", "0９", "a一"),
            ("[^[:digit:]]", "a一", "0９"),
            ("[[:upper:][:digit:]]", "AÉ1", "aé佐"),
            ("[[:lower:]]", "aé", "AÉ佐"),
            ("[[:space:]]", " \t\n\u{3000}", "a"),
            ("[[:blank:]]", " \t\u{3000}", "\n"),
            ("[[:punct:]]", "!、。「+", "a 1"),
            ("[[:xdigit:]]", "0fF", "g"),
            ("[[:cntrl:]]", "\u{7}", "a"),
            ("[[:graph:]]", "a!佐🍣", " \u{7}"),
            ("[[:print:]]", "a! 佐\u{3000}", "\n\u{7}"),
            ("[[.-.]x]", "-x", "."),
            ("[[=e=]]", "e", "é="),
            ("[[.a.]-c]", "abc", "-"),
        ] {
            for character in inside.chars() {
                assert!(is_in(bracket, character), "{bracket} {character}");
            }
            for character in outside.chars() {
                assert!(!is_in(bracket, character), "{bracket} {character}");
            }
        }
    }

    #[test]
    fn what_does_not_end_or_exist_is_refused() {
        for pattern in [
            "[",
            "[a",
            "[]",
            "[^]",
            "[[:alpha:]",
            "[[:letter:]]",
            "[[.ab.]]",
            "[[==]]",
            "[a-[:digit:]]",
            r"[\",
        ] {
            assert_eq!(translate(pattern), None, "{pattern}");
        }
        assert_eq!(translate(r"\[a").as_deref(), Some(r"\[a"));
        assert_eq!(length("[a];b]"), Some(3));
        assert_eq!(length("[[];b"), Some(3));
        assert_eq!(length("[[:alpha:];];b"), Some(12));
    }
}
