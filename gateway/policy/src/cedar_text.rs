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

/// What is probably missing where Cedar met something else than it wanted.
pub(super) fn missing_before(policy: &str, position: usize) -> Option<&'static str> {
    let before = policy.get(..position)?;
    let is_effect = |word: &str| matches!(word, "permit" | "forbid");
    let next = policy.get(position..)?;
    let (_, last) = outside(before)
        .filter(|(_, character)| !character.is_whitespace())
        .last()?;
    // A second effect, with its parenthesis, in what should be one policy.
    if next.starts_with('(') && outside(before).filter(|(_, character)| *character == '(').count() > 0 {
        let word = before.trim_end().rsplit(|c: char| !c.is_ascii_alphabetic()).next()?;
        if is_effect(word) {
            return Some("the policy before this one has no `;` at its end");
        }
    }
    if next.starts_with('@') && last != ';' {
        return Some("the policy before this one has no `;` at its end");
    }
    let begins_part = ["principal", "action", "resource"]
        .iter()
        .any(|part| next.starts_with(part));
    (begins_part && last != ',' && last != '(').then_some("there is no comma before it")
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
    fn what_is_missing_is_guessed_from_what_stands_before() {
        let missing = |policy: &str, at: &str| missing_before(policy, policy.rfind(at).unwrap());
        let comma = Some("there is no comma before it");
        assert_eq!(missing("permit(principal action, resource)", "action"), comma);
        assert_eq!(
            missing("permit(principal in Role::\"x\" // ,\n action, resource)", "action"),
            comma
        );
        assert_eq!(missing("permit(principal, action, resource)", "action"), None);
        let semicolon = Some("the policy before this one has no `;` at its end");
        assert_eq!(
            missing("permit(principal, action, resource)\npermit (x)", "("),
            semicolon
        );
        assert_eq!(
            missing("permit(principal, action, resource)\n@q(\"a\") permit (x)", "@"),
            semicolon
        );
        assert_eq!(missing("permit(principal, action(, resource)", "("), None);
    }

    #[test]
    fn the_line_of_a_policy_is_that_of_its_effect() {
        let file = "// c\n@attributes(\"name\")\n  permit(\nx);";
        let policy = split_policies(file).remove(0);
        assert_eq!(file.get(policy.start..).unwrap().split('(').next(), Some("permit"));
    }
}
