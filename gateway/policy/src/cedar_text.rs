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
    let mut characters = text.char_indices().peekable();
    while let Some((position, character)) = characters.next() {
        match character {
            '/' if characters.peek().is_some_and(|(_, next)| *next == '/') => {
                while characters.next_if(|(_, next)| *next != '\n').is_some() {}
            }
            '"' => {
                begin.get_or_insert(position);
                let mut escaped = false;
                for (_, next) in characters.by_ref() {
                    match next {
                        '"' if !escaped => break,
                        '\\' => escaped = !escaped,
                        _ => escaped = false,
                    }
                }
            }
            ';' => {
                let start = begin.take().unwrap_or(position);
                policies.push(policy(text, start..position + 1));
            }
            space if space.is_whitespace() => {}
            _ => {
                begin.get_or_insert(position);
            }
        }
    }
    if let Some(start) = begin {
        policies.push(policy(text, start..text.trim_end().len()));
    }
    policies
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
    fn the_line_of_a_policy_is_that_of_its_effect() {
        let file = "// c\n@attributes(\"name\")\n  permit(\nx);";
        let policy = split_policies(file).remove(0);
        assert_eq!(file.get(policy.start..).unwrap().split('(').next(), Some("permit"));
    }
}
