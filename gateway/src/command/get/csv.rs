//! Rows as CSV (RFC 4180). A text that a spreadsheet would take for a formula has an apostrophe before it, so that it is a text there,
//! too: whoever has written it must not compute, or send anything, in somebody's spreadsheet.

use super::cells::Cell;

/// What a spreadsheet takes for the beginning of a formula.
const BEGINNINGS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// A line with its end.
pub(super) fn line<'a>(cells: impl IntoIterator<Item = &'a Cell>) -> String {
    let mut line = String::new();
    for (place, cell) in cells.into_iter().enumerate() {
        if place > 0 {
            line.push(',');
        }
        line.push_str(&field(cell));
    }
    line.push_str("\r\n");
    line
}

fn field(cell: &Cell) -> String {
    let text = match cell {
        Cell::Exact(text) => text.clone(),
        Cell::Text(text) => harmless(text),
    };
    let is_plain = !text.contains(['"', ',', '\n', '\r']) && text.trim() == text;
    match is_plain {
        true => text,
        false => format!("\"{}\"", text.replace('"', "\"\"")),
    }
}

/// A text that is one for every spreadsheet.
fn harmless(text: &str) -> String {
    let text: String = text
        .chars()
        .filter(|character| !character.is_control() || matches!(character, '\n' | '\t'))
        .collect();
    let first = text.trim_start().chars().next();
    match first.is_some_and(|first| BEGINNINGS.contains(&first)) || text.starts_with(['\t', '\n']) {
        true => format!("'{text}"),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_a_formula_and_every_number_stays_one() {
        let text = |text: &str| field(&Cell::Text(text.to_owned()));
        assert_eq!(text("=HYPERLINK(\"http://x\")"), "\"'=HYPERLINK(\"\"http://x\"\")\"");
        for formula in ["+1", "-1", "@a", "＝1", "\t=1", " =1", "\r=1"] {
            let field = text(formula);
            assert!(
                field.trim_start_matches('"').starts_with('\''),
                "{formula:?}: {field:?}"
            );
        }
        assert_eq!(text("佐野, \"市\""), "\"佐野, \"\"市\"\"\"");
        assert_eq!(text("a\u{1b}[2Jb"), "a[2Jb");
        assert_eq!(text("a-b"), "a-b");
        assert_eq!(field(&Cell::Exact("-1.50".to_owned())), "-1.50");
        assert_eq!(line([&Cell::Text("a".into()), &Cell::Exact("1".into())]), "a,1\r\n");
    }
}
