//! Where each policy of a Cedar file begins and ends, so that it can be parsed on its own and named by its line.

use std::ops::Range;

/// One policy's text in its file, from its first token to its semicolon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PolicyText {
    /// Its bytes in the file.
    pub(super) span: Range<usize>,
    /// Where `permit` or `forbid` stands, after the annotations: what the policy's line is counted from.
    pub(super) start: usize,
}

/// Splits a file into its policies. A policy ends at the first semicolon outside of texts and comments: Cedar has
/// no other. What follows the last semicolon is a policy that the parser will refuse, unless it is empty.
pub(super) fn split_policies(text: &str) -> Vec<PolicyText> {
    let mut policies = Vec::new();
    let mut begin: Option<usize> = None;
    for (position, character) in outside(text) {
        if character == ';' {
            let start = begin.take().unwrap_or(position);
            policies.push(policy(text, start..position + 1));
        } else if !character.is_whitespace() {
            begin.get_or_insert(position);
        }
    }
    if let Some(start) = begin {
        policies.push(policy(text, start..text.trim_end().len()));
    }
    policies
}

/// The characters of policies that stand outside of texts and comments. Of a text its first quotation mark is there.
fn outside(policies: &str) -> impl Iterator<Item = (usize, char)> {
    let mut characters = policies.char_indices().peekable();
    std::iter::from_fn(move || {
        loop {
            let (position, character) = characters.next()?;
            if character == '/' && characters.peek().is_some_and(|(_, next)| *next == '/') {
                while characters.next_if(|(_, next)| *next != '\n').is_some() {}
                continue;
            }
            if character == '"' {
                let mut escaped = false;
                for (_, next) in characters.by_ref() {
                    match next {
                        '"' if !escaped => break,
                        '\\' => escaped = !escaped,
                        _ => escaped = false,
                    }
                }
            }
            return Some((position, character));
        }
    })
}

/// Where `@key` stands in the text of a policy.
pub(super) fn annotation_span(policy: &str, key: &str) -> Option<Range<usize>> {
    let mut signs = outside(policy).filter(|(_, character)| *character == '@');
    signs.find_map(|(position, _)| {
        let name = policy.get(position + 1..)?;
        let space = name.len() - name.trim_start().len();
        let rest = name.trim_start().strip_prefix(key)?;
        let is_whole = !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_');
        is_whole.then(|| position..position + 1 + space + key.len())
    })
}

/// What is probably wrong where Cedar met something else than it wanted.
pub(super) fn guessed_at(policy: &str, position: usize) -> Option<&'static str> {
    let (before, next) = (policy.get(..position)?, policy.get(position..)?);
    if next.starts_with(['“', '”', '＂', '„']) {
        return Some("write straight quotation marks: \"reader\"");
    }
    let signs: Vec<char> = outside(before)
        .map(|(_, character)| character)
        .filter(|character| !character.is_whitespace())
        .collect();
    let last = signs.last()?;
    let count = |sign: char| signs.iter().filter(|one| **one == sign).count();
    let opened = count('(').saturating_sub(count(')'));
    let word = before.trim_end().rsplit(|c: char| !c.is_ascii_alphabetic()).next()?;
    // A second effect, with its parenthesis, in what should be one policy.
    let is_second = next.starts_with('(') && count('(') > 0 && matches!(word, "permit" | "forbid");
    // Annotations stand in front of the effect alone.
    if is_second || next.starts_with('@') && count('(') > count('@') {
        return Some("the policy before this one has no `;` at its end");
    }
    let is_single = next.starts_with('=') && !next.starts_with("==");
    if is_single && *last != '=' {
        return Some("`==` compares: write two of them");
    }
    if matches!(word, "when" | "unless") && !next.starts_with('{') {
        return Some("write the condition in braces: when { ... }");
    }
    if next.starts_with('}') && opened > 0 {
        return Some("a parenthesis before it is not closed");
    }
    let begins_part = ["principal", "action", "resource"]
        .iter()
        .any(|part| next.starts_with(part));
    let is_in_head = opened == 1 && count('{') == 0;
    (begins_part && is_in_head && !matches!(last, ',' | '(')).then_some("there is no comma before it")
}

fn policy(text: &str, span: Range<usize>) -> PolicyText {
    let own = text.get(span.clone()).unwrap_or("");
    let words = ["permit", "forbid"];
    // Annotations stand one to a line in front; the word that begins a line, or the text, is the effect.
    let mut offset = 0;
    let mut start = span.start;
    for line in own.split_inclusive('\n') {
        let trimmed = line.trim_start();
        if words.iter().any(|word| trimmed.starts_with(word)) {
            start = span.start + offset + (line.len() - trimmed.len());
            break;
        }
        offset += line.len();
    }
    PolicyText { span, start }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(file: &str) -> Vec<&str> {
        let policies = split_policies(file);
        policies
            .into_iter()
            .map(|policy| file.get(policy.span).unwrap())
            .collect()
    }

    #[test]
    fn policies_end_at_semicolons_outside_of_texts_and_comments() {
        let file = "// a; b\npermit(principal, action, resource) when { \"a;\\\"b;\" == \"//\" };\n\nforbid(x); // c;";
        assert_eq!(
            texts(file),
            [
                "permit(principal, action, resource) when { \"a;\\\"b;\" == \"//\" };",
                "forbid(x);"
            ]
        );
        assert_eq!(texts("permit(x)\n"), ["permit(x)"]);
        assert_eq!(texts("// nothing\n"), Vec::<&str>::new());
        assert_eq!(texts(";"), [";"]);
        assert_eq!(texts("\"open"), ["\"open"]);
    }

    #[test]
    fn an_annotation_is_found_where_it_stands() {
        let policy = "// @scope(\"/a\")\n@q(\"a==\\\"@scope(\\\"\")\n@ scope_of(\"x\")\n@ scope(\"/b\")\npermit(x);";
        let found = |key| annotation_span(policy, key).map(|span| (span.start, policy.get(span).unwrap()));
        assert_eq!(found("scope"), Some((policy.rfind("@ scope").unwrap(), "@ scope")));
        assert_eq!(found("q"), Some((policy.find("@q").unwrap(), "@q")));
        assert_eq!(found("area"), None);
    }

    #[test]
    fn what_is_wrong_is_guessed_from_what_stands_before() {
        let guessed = |policy: &str, at: &str| guessed_at(policy, policy.rfind(at).unwrap());
        let comma = Some("there is no comma before it");
        assert_eq!(guessed("permit(principal action, resource)", "action"), comma);
        assert_eq!(
            guessed("permit(principal in Role::\"x\" // ,\n action, resource)", "action"),
            comma
        );
        assert_eq!(guessed("permit(principal, action, resource)", "action"), None);
        let semicolon = Some("the policy before this one has no `;` at its end");
        assert_eq!(
            guessed("permit(principal, action, resource)\npermit (x)", "("),
            semicolon
        );
        assert_eq!(
            guessed("permit(principal, action, resource)\n@q(\"a\") permit (x)", "@"),
            semicolon
        );
        assert_eq!(guessed("@q(\"a\")\n@scope(\"/a\")\npermit (x);", "@scope"), None);
        assert_eq!(guessed("permit(principal, action(, resource)", "(,"), None);
        // What stands in a condition is no part of the head.
        let single = "permit(principal, action, resource) when { resource.class = Class::\"open\" };";
        assert_eq!(guessed(single, "= "), Some("`==` compares: write two of them"));
        assert_eq!(guessed(single, "resource.class"), None);
        let brace = "permit(principal, action, resource) when resource.class == Class::\"open\";";
        assert_eq!(
            guessed(brace, "resource.class"),
            Some("write the condition in braces: when { ... }")
        );
        let full_width = "permit(principal in Role::”reader”, action, resource);";
        assert_eq!(
            guessed(full_width, "”reader"),
            Some("write straight quotation marks: \"reader\"")
        );
        assert_eq!(
            guessed("permit(principal, action, resource};", "}"),
            Some("a parenthesis before it is not closed")
        );
    }

    #[test]
    fn the_line_of_a_policy_is_that_of_its_effect() {
        let file = "// c\n@attributes(\"name\")\n  permit(\nx);";
        let policy = split_policies(file).remove(0);
        assert_eq!(file.get(policy.start..).unwrap().split('(').next(), Some("permit"));
    }
}
