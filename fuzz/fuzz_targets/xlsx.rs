//! Workbooks: whatever the bytes, their sheets are read or refused, within the limits.
#![no_main]

use kakehashi_formats::xlsx::Workbook;
use kakehashi_formats::{Limits, Report, Row, RowSource as _};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut report = Report::default();
    let Ok(mut workbook) = Workbook::open(bytes, &Limits::default()) else { return };
    for sheet in workbook.sheets(&mut report) {
        let Ok(mut rows) = workbook.rows(&sheet) else { continue };
        let mut row = Row::new();
        while let Ok(true) = rows.next_row(&mut row, &mut report) {
            assert!(row.len() <= Limits::default().columns);
        }
    }
});
