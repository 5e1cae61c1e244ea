//! Rows in columns, as wide as a terminal shows them: characters of Japanese take up two places.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Places of one column at most: what is longer is cut off.
const MOST_OF_A_COLUMN: usize = 40;

/// Between two columns.
const BETWEEN: &str = "  ";

/// Stands for what was cut off.
const CUT_OFF: char = '…';

/// The lines of a table with its heading.
pub(super) fn lines(heading: &[String], rows: &[Vec<String>]) -> Vec<String> {
    let shown = |cells: &[String]| {
        cells
            .iter()
            .map(|cell| cut(&in_one_line(cell), MOST_OF_A_COLUMN))
            .collect()
    };
    let all: Vec<Vec<String>> = std::iter::once(heading)
        .chain(rows.iter().map(Vec::as_slice))
        .map(shown)
        .collect();
    let widths: Vec<usize> = (0..heading.len())
        .map(|column| {
            let cells = all.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.width()).max().unwrap_or(0)
        })
        .collect();
    let line = |cells: &Vec<String>| {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(&widths) {
            if !line.is_empty() {
                line.push_str(BETWEEN);
            }
            line.push_str(cell);
            line.push_str(&" ".repeat(width.saturating_sub(cell.width())));
        }
        line.trim_end().to_owned()
    };
    all.iter().map(line).collect()
}

/// A text without what moves the cursor, what turns the direction of a line, and what takes up no place and could hide that two
/// texts differ. Variants of a character, as names of people have them, stay.
fn in_one_line(text: &str) -> String {
    let shown = text.chars().filter_map(|character| match character {
        '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{e0000}'..='\u{e007f}' => None,
        '\u{2028}' | '\u{2029}' => Some(' '),
        control if control.is_control() => Some(' '),
        other => Some(other),
    });
    shown.collect()
}

/// As much of a text as so many places show.
fn cut(text: &str, most: usize) -> String {
    if text.width() <= most {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut places = 1;
    for character in text.chars() {
        places += character.width().unwrap_or(0);
        if places > most {
            break;
        }
        kept.push(character);
    }
    kept.push(CUT_OFF);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other_whatever_script_they_are_in() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let lines = lines(
            &row(["id", "name", "capacity"]),
            &[
                row(["urn:a:1", "佐野市役所", "120"]),
                row(["urn:a:22", "AED\u{1b}[2J", ""]),
            ],
        );
        assert_eq!(lines[0], "id        name        capacity");
        assert_eq!(lines[1], "urn:a:1   佐野市役所  120");
        assert_eq!(lines[2], "urn:a:22  AED [2J");
    }

    #[test]
    fn what_nobody_sees_is_not_shown_and_a_variant_of_a_character_is() {
        assert_eq!(
            in_one_line("\u{202e}cba\u{202c} a\u{200b}b\u{feff}\u{2066}c\u{2029}d"),
            "cba abc d"
        );
        assert_eq!(in_one_line("葛\u{e0100}城"), "葛\u{e0100}城");
    }

    #[test]
    fn what_is_too_long_is_cut_off_between_characters() {
        assert_eq!(cut("佐野市立図書館", 8), "佐野市…");
        assert_eq!(cut("佐野市立", 8), "佐野市立");
        assert_eq!(cut("abcdefghi", 8), "abcdefg…");
    }
}
