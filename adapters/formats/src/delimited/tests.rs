use proptest::prelude::*;

use super::*;
use crate::Cell;
use crate::encoding::{Encoding, decode};

fn rows_of(text: &str, separator: Option<char>) -> (Vec<(u64, Vec<String>)>, Report) {
    let (mut rows, mut report, mut row) = (Vec::new(), Report::default(), Row::new());
    let mut source = delimited(text, separator, &Limits::default());
    while source.next_row(&mut row, &mut report).unwrap() {
        let cells = row.cells().map(|cell| cell.as_str().to_owned()).collect();
        rows.push((row.number(), cells));
    }
    (rows, report)
}

fn cells(rows: &[(u64, Vec<String>)]) -> Vec<Vec<&str>> {
    rows.iter()
        .map(|(_, cells)| cells.iter().map(String::as_str).collect())
        .collect()
}

#[test]
fn line_ends_and_quotes_of_all_kinds_are_read() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["a,b,c", "1,\"2,\"\"x\"\"\n3\" ,", ",,", "4,5,6"].join(end);
        let (rows, report) = rows_of(&text, None);
        assert_eq!(
            cells(&rows),
            [
                vec!["a", "b", "c"],
                vec!["1", "2,\"x\"\n3", ""],
                vec!["", "", ""],
                vec!["4", "5", "6"]
            ],
            "{end:?}"
        );
        assert!(report.is_empty());
    }
}

#[test]
fn a_quote_that_is_not_closed_costs_its_row() {
    let (rows, report) = rows_of("a,b\n1,\"open\n2,3\n4,\"x\"y\n5\" disk,6\n", Some(','));
    assert_eq!(cells(&rows), [vec!["a", "b"], vec!["2", "3"], vec!["5\" disk", "6"]]);
    assert_eq!(rows.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 3, 5]);
    assert_eq!(report.count(What::StrayQuote), 2);
    assert_eq!(report.findings()[0].row, 2);
}

#[test]
fn doubtful_cells_are_told_by_row_and_column() {
    let (rows, report) = rows_of("a,\u{FFFD},c\n1,2,x\u{E000}\n\0,5,6\n", None);
    assert_eq!(
        cells(&rows),
        [vec!["a", "", "c"], vec!["1", "2", "x\u{E000}"], vec!["", "5", "6"]]
    );
    let told: Vec<_> = report
        .findings()
        .iter()
        .map(|one| (one.row, one.column, one.what))
        .collect();
    assert_eq!(
        told,
        [(1, 2, What::Undecodable), (2, 3, What::UserDefined), (3, 1, What::Nul)]
    );
}

#[test]
fn limits_are_kept() {
    let limits = Limits {
        rows: 2,
        columns: 3,
        cell_bytes: 4,
        row_bytes: 20,
        ..Limits::default()
    };
    let read = |text: &str| {
        let (mut report, mut row, mut number) = (Report::default(), Row::new(), 0);
        let mut source = delimited(text, Some(','), &limits);
        while source.next_row(&mut row, &mut report)? {
            number += 1;
        }
        Ok::<_, FormatError>((number, report))
    };
    assert_eq!(
        read("1\n2\n3\n").unwrap_err(),
        FormatError::TooLarge { what: "rows", limit: 2 }
    );
    assert_eq!(read("1,2,3,4").unwrap_err(), FormatError::too_large("columns", 3));
    assert_eq!(read("12345,1").unwrap().1.count(What::LongCell), 1);
    let (number, report) = read(&format!("\"{}\"\n2", "x".repeat(30))).unwrap();
    assert_eq!((number, report.count(What::LongRow)), (1, 1));
}

proptest! {
    /// Whatever a library writes comes back, in every encoding that has its characters.
    #[test]
    fn what_was_written_is_read(
        records in prop::collection::vec(prop::collection::vec("[ -~あ-ん一二三丁七ァ-ヴ\r\n\"，]{0,12}", 3), 1..30),
        separator in prop::sample::select(vec![b',', b'\t', b';']),
        crlf: bool,
        encoding in prop::sample::select(vec!["utf-8", "utf-16", "cp932", "euc-jp"]),
    ) {
        let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut writer = csv::WriterBuilder::new().delimiter(separator).terminator(terminator).from_writer(Vec::new());
        for record in &records {
            writer.write_record(record).unwrap();
        }
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let bytes: Vec<u8> = match encoding {
            "utf-16" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            name => encoding_rs::Encoding::for_label(name.replace("cp932", "shift_jis").as_bytes()).unwrap().encode(&text).0.into_owned(),
        };
        let (decoded, _) = decode(&bytes, Encoding::of_name(encoding)).unwrap();
        prop_assert_eq!(&*decoded, &*text);
        let (rows, report) = rows_of(&decoded, Some(char::from(separator)));
        prop_assert!(report.is_empty());
        let read: Vec<Vec<String>> = rows.into_iter().map(|(_, cells)| cells).collect();
        prop_assert_eq!(read, records);
    }

    /// No text stops it, and no row is larger than rows may be.
    #[test]
    fn any_text_is_read(text in "[\"a,\n\r;\u{FFFD}\u{E000}\0]{0,200}") {
        let (rows, _) = rows_of(&text, None);
        for (_, cells) in rows {
            prop_assert!(!cells.is_empty());
        }
        let row = Row::new();
        prop_assert_eq!(row.cell(0), Cell::Empty);
    }
}
