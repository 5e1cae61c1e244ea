//! Texts of pages: what is shown of them, without the tags between.
//!
//! Remarks are copied from web pages. `090<b>-1234-</b>5678` is a number to whoever looks at the page.

/// Elements that begin a line or a cell of their own: what stands before and behind their tags does not touch. What is not
/// known is shown within its line, as browsers do.
const BLOCKS: [&str; 55] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "br",
    "button",
    "caption",
    "center",
    "dd",
    "details",
    "dialog",
    "dir",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hr",
    "html",
    "legend",
    "li",
    "main",
    "menu",
    "nav",
    "ol",
    "optgroup",
    "option",
    "p",
    "pre",
    "script",
    "search",
    "section",
    "select",
    "style",
    "summary",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "title",
    "tr",
];

/// And a list.
const LIST: &str = "ul";

/// The text without tags and comments; `None`: there is none.
pub(super) fn without_tags(text: &str) -> Option<String> {
    let mut shown: Option<String> = None;
    let mut rest = text;
    let mut may_have_comments = true;
    while let Some((before, behind)) = rest.split_once('<') {
        let tag = tag_at(behind, &mut may_have_comments);
        let shown = match (&mut shown, &tag) {
            (None, None) => {
                // What stands before the first tag is copied with it.
                rest = behind;
                continue;
            }
            (None, Some(_)) => shown.insert(text.strip_suffix(behind).unwrap_or_default().to_owned()),
            (Some(shown), _) => {
                shown.push_str(before);
                shown.push('<');
                shown
            }
        };
        rest = behind;
        if let Some(tag) = tag {
            shown.pop();
            if tag.is_block {
                shown.push('\n');
            }
            rest = behind.get(tag.length..).unwrap_or_default();
        }
    }
    shown.map(|shown| shown + rest)
}

struct Tag {
    /// Bytes behind its `<`.
    length: usize,
    is_block: bool,
}

/// The tag that a text begins with, behind its `<`. `may_have_comments`: whether some comment may end in the text.
fn tag_at(text: &str, may_have_comments: &mut bool) -> Option<Tag> {
    if let Some(comment) = text.strip_prefix("!--")
        && *may_have_comments
    {
        if let Some(end) = comment.find("-->") {
            let length = text.len() - comment.len() + end + "-->".len();
            return Some(Tag {
                length,
                is_block: false,
            });
        }
        *may_have_comments = false;
    }
    let name = text.strip_prefix('/').unwrap_or(text);
    if !name.starts_with(|first: char| first.is_ascii_alphabetic() || matches!(first, '!' | '?')) {
        return None;
    }
    // A tag that another begins in is none. So each byte is looked at for one tag alone.
    let end = text.find(['<', '>'])?;
    if !text.get(end..)?.starts_with('>') {
        return None;
    }
    let name = name
        .split(|character: char| !character.is_ascii_alphanumeric())
        .next()?;
    let is_block = BLOCKS
        .iter()
        .chain([&LIST])
        .any(|block| name.eq_ignore_ascii_case(block));
    Some(Tag {
        length: end + 1,
        is_block,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_left() {
        for (text, shown) in [
            ("090<b>-1234-</b>5678", "090-1234-5678"),
            ("<td>090</td><TD class=a>1</TD >", "\n090\n\n1\n"),
            ("a<br/>b<BR>c<wbr>d", "a\nb\ncd"),
            ("1<!-- <b> -->2<!---->3", "123"),
            ("1 < 2 <i>or</i> 3 > 2", "1 < 2 or 3 > 2"),
            ("<i>3</i> <<b>4", "3 <4"),
            ("a<!--b<i>c</i>", "a<!--bc"),
            ("<?xml version='1'?><!DOCTYPE html><x:y>z", "z"),
        ] {
            assert_eq!(without_tags(text).as_deref(), Some(shown), "{text}");
        }
        for text in [
            "",
            "a",
            "1 < 2 > 0",
            "<",
            "<>",
            "<a",
            "<3>",
            "<@>",
            "a<b<c",
            "<!--",
            "</>",
            "佐野＜市＞",
        ] {
            assert_eq!(without_tags(text), None, "{text}");
        }
    }

    #[test]
    fn a_long_text_of_tags_takes_no_longer_than_its_length() {
        for part in ["<", "<a", "<!--", "<!-- -", "<a>", "</", "<b<"] {
            let length = part.len() * 200_000;
            let shown = without_tags(&part.repeat(200_000));
            assert!(shown.is_none_or(|shown| shown.len() < length), "{part}");
        }
    }
}
