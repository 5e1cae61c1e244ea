//! Workbooks as people make them come back as the cells that were written.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)] // a test that cannot go on has failed

mod archive;

use archive::zip;
use kakehashi_formats::xlsx::Workbook;
use kakehashi_formats::{Cell, FormatError, Limits, Report, Row, RowSource as _, What};
use proptest::prelude::*;
use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook as Writer};

/// Every row of a sheet: its number and its cells.
fn rows(bytes: &[u8], sheet: Option<&str>, report: &mut Report) -> Result<Vec<(u64, Vec<Cell<'static>>)>, FormatError> {
    let mut workbook = Workbook::open(bytes, &Limits::default())?;
    let names = workbook.sheets(report);
    let name = sheet.map_or_else(|| names[0].clone(), ToOwned::to_owned);
    let mut source = workbook.rows(&name)?;
    let mut row = Row::new();
    let mut rows = Vec::new();
    while source.next_row(&mut row, report)? {
        rows.push((row.number(), row.cells().map(owned).collect()));
    }
    Ok(rows)
}

fn owned(cell: Cell<'_>) -> Cell<'static> {
    match cell {
        Cell::Empty => Cell::Empty,
        Cell::Text(text) => Cell::Text(text.into_owned().into()),
        Cell::Number(text) => Cell::Number(text.into_owned().into()),
        Cell::Boolean(truth) => Cell::Boolean(truth),
        Cell::DateTime(text) => Cell::DateTime(text.into_owned().into()),
        Cell::Date(text) => Cell::Date(text.into_owned().into()),
        Cell::Time(text) => Cell::Time(text.into_owned().into()),
    }
}

fn text(text: &'static str) -> Cell<'static> {
    Cell::Text(text.into())
}

fn number(text: &'static str) -> Cell<'static> {
    Cell::Number(text.into())
}

/// A list like those of town halls: a title, two tables' worth of habits, and what must not disturb.
fn like_a_town_hall() -> Vec<u8> {
    let mut writer = Writer::new();
    let date = Format::new().set_num_format("[$-411]ggge\"年\"m\"月\"d\"日\";@");
    let time = Format::new().set_num_format("h:mm");
    let both = Format::new().set_num_format("yyyy/m/d h:mm");
    let sheet = writer.add_worksheet();
    sheet.set_name("一覧").unwrap();
    sheet
        .merge_range(0, 0, 0, 5, "避難所一覧（令和８年）", &Format::new())
        .unwrap();
    for (column, header) in ["地区", "名称", "収容人数", "開設日", "受付", "更新", "バリアフリー"]
        .into_iter()
        .enumerate()
    {
        sheet.write(2, u16::try_from(column).unwrap(), header).unwrap();
    }
    sheet.merge_range(3, 0, 4, 0, "中央", &Format::new()).unwrap();
    sheet.write(3, 1, "第一小学校").unwrap();
    sheet.write(3, 2, 120).unwrap();
    sheet
        .write_with_format(3, 3, ExcelDateTime::from_ymd(2026, 11, 29).unwrap(), &date)
        .unwrap();
    sheet
        .write_with_format(3, 4, ExcelDateTime::from_hms(9, 5, 0).unwrap(), &time)
        .unwrap();
    sheet
        .write_with_format(
            3,
            5,
            ExcelDateTime::from_ymd(2026, 11, 29).unwrap().and_hms(9, 5, 0).unwrap(),
            &both,
        )
        .unwrap();
    sheet.write(3, 6, true).unwrap();
    sheet.write(4, 1, "012").unwrap();
    sheet.write(4, 2, 1.1).unwrap();
    sheet.write(6, 1, "計").unwrap();
    sheet
        .write(6, 2, Formula::new("SUM(C4:C5)").set_result("121.1"))
        .unwrap();
    sheet.write(6, 3, Formula::new("NA()").set_result("#N/A")).unwrap();
    sheet.set_row_hidden(4).unwrap();
    sheet.set_column_hidden(2).unwrap();
    let hidden = writer.add_worksheet();
    hidden.set_name("作業用").unwrap().write(0, 0, "内部").unwrap();
    hidden.set_hidden(true);
    writer.save_to_buffer().unwrap()
}

#[test]
fn a_sheet_of_a_town_hall_is_read_as_people_see_it() {
    let mut report = Report::default();
    let rows = rows(&like_a_town_hall(), None, &mut report).unwrap();
    assert_eq!(rows[0], (1, vec![text("避難所一覧（令和８年）")]));
    assert_eq!(rows[1].0, 3);
    assert_eq!(
        rows[2],
        (
            4,
            vec![
                text("中央"),
                text("第一小学校"),
                number("120"),
                Cell::Date("2026-11-29".into()),
                Cell::Time("09:05:00".into()),
                Cell::DateTime("2026-11-29T09:05:00".into()),
                Cell::Boolean(true)
            ]
        )
    );
    assert_eq!(rows[3], (5, vec![text("中央"), text("012"), number("1.1")]));
    assert_eq!(rows[4].0, 7);
    assert_eq!(rows[4].1[2], number("121.1"));
    for what in [What::HiddenRow, What::HiddenColumn, What::HiddenSheet, What::ErrorValue] {
        assert_eq!(report.count(what), 1, "{what:?}");
    }
}

#[test]
fn a_hidden_sheet_is_none() {
    let error = rows(&like_a_town_hall(), Some("作業用"), &mut Report::default()).unwrap_err();
    assert!(matches!(error, FormatError::NoSheet { .. }), "{error}");
    assert_eq!(error.to_string(), "there is no sheet `作業用`: there are `一覧`");
}

#[test]
fn a_workbook_with_a_password_is_refused_by_name() {
    let mut bytes = vec![0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];
    bytes.extend("EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes));
    assert_eq!(
        Workbook::open(&bytes, &Limits::default()).err(),
        Some(FormatError::Password)
    );
}

#[test]
fn a_cell_at_the_end_of_all_sheets_costs_nothing_and_is_told() {
    let mut writer = Writer::new();
    let sheet = writer.add_worksheet();
    sheet.write(0, 0, "a").unwrap();
    sheet.write(1_048_575, 16_383, "z").unwrap();
    let mut report = Report::default();
    assert_eq!(
        rows(&writer.save_to_buffer().unwrap(), None, &mut report).unwrap(),
        [(1, vec![text("a")])]
    );
    assert_eq!(report.count(What::RowTooLong), 1);
}

#[test]
fn a_workbook_that_unpacks_to_too_much_is_refused() {
    let bytes = like_a_town_hall();
    let limits = Limits {
        unpacked_bytes: 1_000,
        ..Limits::default()
    };
    assert!(matches!(
        Workbook::open(&bytes, &limits).err(),
        Some(FormatError::TooLarge { .. })
    ));
}

#[test]
fn real_workbooks_are_read_without_a_hand_on_them() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    for name in [
        "takamatsu_aed.xlsx",
        "takamatsu_events.xlsx",
        "takamatsu_fire_station.xlsx",
    ] {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let mut report = Report::default();
        let rows = rows(&bytes, None, &mut report).unwrap();
        assert!(rows.len() > 3, "{name} has {} rows", rows.len());
        assert!(rows[0].1.len() > 5, "{name}: {:?}", rows[0]);
        assert!(
            !report.counts().iter().any(|(what, _)| *what == What::ErrorValue),
            "{name}: {:?}",
            report.counts()
        );
    }
}

/// A workbook of one sheet, as markup.
fn of_markup(sheet: &str) -> Vec<u8> {
    let types = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let workbook =
        "<workbook xmlns:r=\"r\"><sheets><sheet name=\"a\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>";
    let relations = format!(
        "<Relationships><Relationship Id=\"rId1\" Type=\"{types}/worksheet\" Target=\"s.xml\"/></Relationships>"
    );
    zip(&[
        (b"xl/workbook.xml", workbook.as_bytes()),
        (b"xl/_rels/workbook.xml.rels", relations.as_bytes()),
        (b"xl/s.xml", sheet.as_bytes()),
    ])
}

#[test]
fn inline_texts_lose_their_readings_and_formulas_without_a_value_are_told() {
    let sheet = "<worksheet><dimension ref=\"A1:XFD1048576\"/><sheetData><row><c t=\"inlineStr\"><is><r><t>佐野</t></r><rPh sb=\"0\" eb=\"2\"><t>サノ</t></rPh><r><t>市_x000A_役所</t></r></is></c><c><f>1+1</f></c><c><v>36.314500000000002</v></c></row></sheetData></worksheet>";
    let mut report = Report::default();
    let rows = rows(&of_markup(sheet), None, &mut report).unwrap();
    assert_eq!(rows, [(1, vec![text("佐野市\n役所"), Cell::Empty, number("36.3145")])]);
    assert_eq!(report.count(What::FormulaWithoutValue), 1);
}

#[test]
fn a_character_of_ones_own_is_kept_and_told() {
    let sheet = "<worksheet><sheetData><row r=\"7\"><c r=\"B7\" t=\"inlineStr\"><is><t>\u{e000}田</t></is></c></row></sheetData></worksheet>";
    let mut report = Report::default();
    assert_eq!(
        rows(&of_markup(sheet), None, &mut report).unwrap(),
        [(7, vec![Cell::Empty, text("\u{e000}田")])]
    );
    let finding = &report.findings()[0];
    assert_eq!((finding.row, finding.column, finding.what), (7, 2, What::UserDefined));
}

#[test]
fn a_document_type_is_refused_and_markup_that_is_cut_off_too() {
    let bomb =
        "<!DOCTYPE a [<!ENTITY b \"bbbb\">]><worksheet><sheetData><row><c><v>&b;</v></c></row></sheetData></worksheet>";
    let refused = rows(&of_markup(bomb), None, &mut Report::default());
    assert!(matches!(refused, Err(FormatError::Refused(_))), "{refused:?}");
    let cut_off = rows(
        &of_markup("<worksheet><sheetData><row><c><v>1"),
        None,
        &mut Report::default(),
    );
    assert!(matches!(cut_off, Err(FormatError::Damaged { .. })), "{cut_off:?}");
}

#[derive(Debug, Clone)]
enum Written {
    Nothing,
    Text(String),
    Number(f64),
    Truth(bool),
    Day(u16, u8, u8),
}

fn a_cell() -> impl Strategy<Value = Written> {
    prop_oneof![
        Just(Written::Nothing),
        "[ぁ-んァ-ヶ一-龠a-zA-Z0-9<>&\"'_ 　𠮷]{1,12}".prop_map(Written::Text),
        any::<i32>().prop_map(|number| Written::Number(f64::from(number))),
        (-180.0..180.0_f64).prop_map(Written::Number),
        any::<bool>().prop_map(Written::Truth),
        (1901_u16..2100, 1_u8..13, 1_u8..29).prop_map(|(year, month, day)| Written::Day(year, month, day)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn any_workbook_comes_back_as_the_cells_it_was_written_from(
        table in prop::collection::vec(prop::collection::vec(a_cell(), 1..8), 1..20),
        titles in 0_u32..4,
    ) {
        let mut writer = Writer::new();
        let date = Format::new().set_num_format("yyyy/m/d");
        let sheet = writer.add_worksheet();
        let mut expected = Vec::new();
        for title in 0..titles {
            sheet.write(title, 0, "表題").unwrap();
            expected.push((u64::from(title) + 1, vec![text("表題")]));
        }
        for (row, cells) in (titles..).zip(&table) {
            let mut read = Vec::new();
            for (column, cell) in (0_u16..).zip(cells) {
                read.push(match cell {
                    Written::Nothing => Cell::Empty,
                    Written::Text(value) => { sheet.write(row, column, value).unwrap(); Cell::Text(value.clone().into()) }
                    Written::Number(value) => {
                        sheet.write(row, column, *value).unwrap();
                        Cell::Number(if *value == 0.0 { String::from("0") } else if value.abs() < 1e-7 { format!("{value:e}") } else { value.to_string() }.into())
                    }
                    Written::Truth(value) => { sheet.write(row, column, *value).unwrap(); Cell::Boolean(*value) }
                    Written::Day(year, month, day) => {
                        sheet.write_with_format(row, column, ExcelDateTime::from_ymd(*year, *month, *day).unwrap(), &date).unwrap();
                        Cell::Date(format!("{year:04}-{month:02}-{day:02}").into())
                    }
                });
            }
            while read.last() == Some(&Cell::Empty) { read.pop(); }
            if !read.is_empty() { expected.push((u64::from(row) + 1, read)); }
        }
        let mut report = Report::default();
        let found = rows(&writer.save_to_buffer().unwrap(), None, &mut report).unwrap();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_damaged_workbook_is_read_or_refused(at in 0_usize..5_000, byte in any::<u8>(), cut in 0_usize..5_000) {
        let mut bytes = like_a_town_hall();
        let end = bytes.len();
        bytes[at % end] = byte;
        let _ = rows(&bytes, Some("一覧"), &mut Report::default());
        bytes.truncate(cut);
        let _ = rows(&bytes, Some("一覧"), &mut Report::default());
    }
}
