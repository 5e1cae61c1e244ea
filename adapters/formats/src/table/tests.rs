use super::*;
use crate::{FormatError, Limits, Report, What, delimited};

fn same(one: &str, other: &str) -> bool {
    let plain = |text: &str| text.replace([' ', '\u{3000}'], "");
    plain(one) == plain(other)
}

type Read = (Vec<String>, Vec<Vec<String>>, Report);

fn read(text: &str, wanted: Wanted<'_>) -> Result<Read, FormatError> {
    let mut report = Report::default();
    let mut table = Table::find(delimited(text, Some(','), &Limits::default()), wanted, &mut report)?;
    let (mut rows, mut row) = (Vec::new(), Row::new());
    while table.next_row(&mut row, &mut report)? {
        rows.push(row.cells().map(|cell| cell.as_str().to_owned()).collect());
    }
    Ok((table.header().to_vec(), rows, report))
}

fn wanted<'a>(columns: &'a [&'a str]) -> Wanted<'a> {
    Wanted {
        columns,
        same: &same,
        header_rows: 1,
        after: None,
        until: &[],
        repeated: &[],
    }
}

#[test]
fn titles_above_and_notes_below_are_no_rows() {
    let until = ["合計".to_owned(), "※".to_owned()];
    let text = "佐野市 AED一覧,,\n令和8年4月1日現在,,\n番号,名称　,人数\n1,市役所,5\n\n2,公民館,7\n合計,,12\n※ 注,,\n3,学校,1\n";
    let wanted = Wanted {
        until: &until,
        ..wanted(&["名称", "人数"])
    };
    let (header, rows, report) = read(text, wanted).unwrap();
    assert_eq!(header, ["番号", "名称", "人数"]);
    assert_eq!(rows, [["1", "市役所", "5"], ["2", "公民館", "7"]]);
    assert_eq!(report.count(What::RowsBelowEnd), 1);
}

#[test]
fn a_sum_directly_below_the_header_is_no_row_and_no_end() {
    let until = ["合計".to_owned()];
    let wanted = Wanted {
        until: &until,
        ..wanted(&["名称", "人数"])
    };
    let (_, rows, report) = read("名称,人数\n合計,12\nA,5\nB,7\n", wanted).unwrap();
    assert_eq!(rows, [["A", "5"], ["B", "7"]]);
    assert_eq!(report.count(What::SumAbove), 1);
}

#[test]
fn a_header_of_two_rows_is_joined() {
    let wanted = Wanted {
        header_rows: 2,
        ..wanted(&["開放/月", "名称"])
    };
    let (header, rows, _) = read("名称,開放,,備考\n,月,火,\nA,9,10,x\n", wanted).unwrap();
    assert_eq!(header, ["名称", "開放/月", "開放/火", "備考"]);
    assert_eq!(rows, [["A", "9", "10", "x"]]);
}

#[test]
fn the_table_under_a_title_is_taken_and_ends_at_the_next() {
    let text = "表1 避難所\n名称,数,階\nA,1,1\n\n表2 避難場所\n名称,数,階\nB,2,1\nC,3,2\n";
    let (_, rows, report) = read(
        text,
        Wanted {
            after: Some("表2　避難場所"),
            ..wanted(&["名称", "数"])
        },
    )
    .unwrap();
    assert_eq!(rows, [["B", "2", "1"], ["C", "3", "2"]]);
    assert!(report.is_empty());
    let (_, rows, report) = read(text, wanted(&["名称", "数"])).unwrap();
    assert_eq!(rows, [["A", "1", "1"]]);
    assert_eq!(report.count(What::RowsBelowEnd), 1);
    let error = read(
        text,
        Wanted {
            after: Some("表3"),
            ..wanted(&["名称"])
        },
    )
    .unwrap_err();
    assert_eq!(error, FormatError::NoTitle("表3".to_owned()));
}

#[test]
fn what_means_the_row_above_has_its_value() {
    let repeated = ["〃".to_owned(), "同上".to_owned()];
    let wanted = Wanted {
        repeated: &repeated,
        ..wanted(&["名称", "地区"])
    };
    let (_, rows, report) = read("名称,地区\n〃,北\nB,〃\nC,同上\n", wanted).unwrap();
    assert_eq!(rows, [["", "北"], ["B", "北"], ["C", "北"]]);
    let told: Vec<_> = report
        .findings()
        .iter()
        .map(|one| (one.row, one.column, one.what))
        .collect();
    assert_eq!(told, [(2, 1, What::NothingAbove)]);
}

#[test]
fn rows_of_another_length_and_doubled_headers_are_told() {
    let (_, rows, report) = read("名称,数,名称\nA,1,x,y\nB\n名称,数,名称\n", wanted(&["名称", "数"])).unwrap();
    assert_eq!(rows, [vec!["A", "1", "x", "y"], vec!["B", "", ""]]);
    for (what, row) in [
        (What::DuplicateHeader, 1),
        (What::RowTooLong, 2),
        (What::RowTooShort, 3),
        (What::HeaderAgain, 4),
    ] {
        assert!(
            report.findings().iter().any(|one| one.what == what && one.row == row),
            "{what:?}"
        );
    }
}

#[test]
fn a_header_that_is_not_there_is_told_with_what_is_near() {
    let error = read("なまえ,施設の名称\n1,2\n", wanted(&["施設名称", "数"])).unwrap_err();
    let FormatError::NoHeader { wanted, hint, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        (wanted.as_str(), hint.as_str()),
        ("`施設名称`, `数`", "; did you mean `施設の名称`?")
    );
}
