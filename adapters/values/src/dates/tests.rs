use jiff::civil::date;
use proptest::prelude::*;

use super::*;

const JAPAN: i32 = 9 * 3600;

fn day(text: &str) -> Result<String, Unread> {
    match read(text)? {
        Written::Date(date) => Ok(date.to_string()),
        other => panic!("{text} is {other:?}"),
    }
}

fn point(text: &str) -> Result<String, Unread> {
    read(text)?.date_time(JAPAN).map(|time| time.as_str().to_owned())
}

fn time(text: &str) -> Result<String, Unread> {
    match read(text)? {
        Written::Time(clock) => Ok(clock.to_string()),
        other => panic!("{text} is {other:?}"),
    }
}

#[test]
fn a_day_is_read_in_every_writing() {
    for text in [
        "令和8年11月29日",
        "令和８年１１月２９日",
        " 令和 8年 11月 29日 ",
        "令和八年十一月二十九日",
        "㋿8年11月29日",
        "R8.11.29",
        "R.8.11.29",
        "r8.11.29",
        "Ｒ８／１１／２９",
        "R8-11-29",
        "R081129",
        "令8.11.29",
        "2026年11月29日",
        "西暦2026年11月29日",
        "二〇二六年十一月二十九日",
        "二千二十六年十一月二十九日",
        "2026年11月29日（日）",
        "2026年11月29日(日・祝)",
        "2026年11月29日 日曜日",
        "2026年（令和8年）11月29日",
        "令和8年(2026年)11月29日",
        "令和8(2026)年11月29日",
        "2026/11/29",
        "2026/11/29(日)",
        "2026.11.29",
        "2026－11－29",
        "2026-11-29",
        "20261129",
        "２０２６１１２９",
    ] {
        assert_eq!(day(text).as_deref(), Ok("2026-11-29"), "{text}");
    }
    for (text, expected) in [
        ("令和元年5月1日", "2019-05-01"),
        ("R1.5.1", "2019-05-01"),
        ("令元.5.1", "2019-05-01"),
        ("H31.4.30", "2019-04-30"),
        ("平成31年12月31日", "2019-12-31"),
        ("S63/1/7", "1988-01-07"),
        ("昭和64年1月7日", "1989-01-07"),
        ("T15.12.24", "1926-12-24"),
        ("大正元年七月三十日", "1912-07-30"),
        ("M45.7.29", "1912-07-29"),
        ("明治六年一月一日", "1873-01-01"),
        ("2026-1-9", "2026-01-09"),
        ("2028/2/29", "2028-02-29"),
        ("1868年1月3日", "1868-01-03"),
    ] {
        assert_eq!(day(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn a_time_of_a_day_is_read_in_every_writing() {
    for (text, expected) in [
        ("2026/1/9 9:05", "2026-01-09T00:05:00Z"),
        ("２０２６／１／９　９：０５", "2026-01-09T00:05:00Z"),
        ("2026年1月9日（金）9時05分", "2026-01-09T00:05:00Z"),
        ("令和8年1月9日 午前9時5分", "2026-01-09T00:05:00Z"),
        ("令和8年1月9日午後9時5分30秒", "2026-01-09T12:05:30Z"),
        ("2026年1月9日 午後3時半", "2026-01-09T06:30:00Z"),
        ("2026年1月9日 正午", "2026-01-09T03:00:00Z"),
        ("2026/1/9 9:05 PM", "2026-01-09T12:05:00Z"),
        ("2026/1/9 12:00 AM", "2026-01-08T15:00:00Z"),
        ("202611290900", "2026-11-29T00:00:00Z"),
        ("20261129090015", "2026-11-29T00:00:15Z"),
        ("20261129 0900", "2026-11-29T00:00:00Z"),
        ("20261129T090015", "2026-11-29T00:00:15Z"),
        ("2026-11-29T09:00:15.25", "2026-11-29T00:00:15.25Z"),
        ("2026年12月31日24:00", "2026-12-31T15:00:00Z"),
        ("202612312400", "2026-12-31T15:00:00Z"),
        ("2026-11-29T09:00:00Z", "2026-11-29T09:00:00Z"),
        ("2026-11-29T09:00:00-05:00", "2026-11-29T14:00:00Z"),
        ("2026-11-29 09:00:00+09:00", "2026-11-29T00:00:00Z"),
        ("2026/11/29 9:00 JST", "2026-11-29T00:00:00Z"),
        ("2026-11-29T090000Z", "2026-11-29T09:00:00Z"),
        ("令和8年11月29日", "2026-11-28T15:00:00Z"),
    ] {
        assert_eq!(point(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn a_time_of_any_day_stays_one() {
    for (text, expected) in [
        ("8:30", "08:30"),
        ("17：15", "17:15"),
        ("9時", "09:00"),
        ("午後5時15分", "17:15"),
        ("午前0時", "00:00"),
        ("24:00", "24:00"),
        ("8:30:05", "08:30:05"),
        ("正午", "12:00"),
        ("9:30 AM", "09:30"),
    ] {
        assert_eq!(time(text).as_deref(), Ok(expected), "{text}");
    }
    assert_eq!(read("8:30").unwrap().date_time(JAPAN), Err(Unread::HalfDate));
    assert_eq!(read("2026-11-29").unwrap().time(JAPAN), Err(Unread::HalfDate));
}

#[test]
fn what_is_no_date_says_why() {
    for (text, reason) in [
        ("09/10/11", Unread::AmbiguousDate),
        ("26.11.29", Unread::AmbiguousDate),
        ("11/29/2026", Unread::AmbiguousDate),
        ("26年11月29日", Unread::AmbiguousDate),
        ("2026年1月9日 午後12時", Unread::AmbiguousDate),
        ("8月5日", Unread::IncompleteDate),
        ("8月5日（水）～8月16日（日）", Unread::NoDate),
        ("2026年11月", Unread::IncompleteDate),
        ("令和8年", Unread::IncompleteDate),
        ("2026/11", Unread::IncompleteDate),
        ("2026", Unread::IncompleteDate),
        ("202611", Unread::IncompleteDate),
        ("R8", Unread::IncompleteDate),
        ("2026-02-30", Unread::NoSuchDay),
        ("2026年2月29日", Unread::NoSuchDay),
        ("20261301", Unread::NoSuchDay),
        ("2026/1/9 25:00", Unread::NoSuchTime),
        ("2026/1/9 9:61", Unread::NoSuchTime),
        ("24:01", Unread::NoSuchTime),
        ("午後13時", Unread::NoSuchTime),
        ("平成32年1月1日", Unread::OutsideOfEra),
        ("令和元年4月30日", Unread::OutsideOfEra),
        ("昭和0年1月1日", Unread::OutsideOfEra),
        ("明治5年12月2日", Unread::OldCalendar),
        ("2026年(令和7年)11月29日", Unread::YearsDiffer),
        ("令和8年度", Unread::FiscalYear),
        ("9:05-10:00", Unread::NoDate),
        ("2026/1/9 9:05-10:00", Unread::NoDate),
        ("9:00～17:00", Unread::NoDate),
        ("2026年8月17日まで", Unread::NoDate),
        ("10-20", Unread::NoDate),
        ("0542626-1139", Unread::NoDate),
        ("12345678", Unread::NoDate),
        ("", Unread::NoDate),
        ("-", Unread::NoDate),
        ("未定", Unread::NoDate),
        ("年月日", Unread::NoDate),
    ] {
        assert_eq!(read(text), Err(reason), "{text}");
    }
    assert_eq!(read(&"令和".repeat(LONGEST)), Err(Unread::TooLong));
}

#[test]
fn a_fiscal_year_is_the_year_that_it_begins_in() {
    for (text, year) in [
        ("令和8年度", 2026),
        ("R8年度", 2026),
        ("令和元年度", 2019),
        ("平成31年度", 2019),
        ("2026年度", 2026),
        ("２０２６", 2026),
        ("令和8年度（2026年度）", 2026),
    ] {
        assert_eq!(fiscal_year(text), Ok(year), "{text}");
    }
    assert_eq!(fiscal_year("平成32年度"), Err(Unread::OutsideOfEra));
    assert_eq!(fiscal_year("8年度"), Err(Unread::AmbiguousDate));
    assert_eq!(fiscal_year("令和8年11月29日"), Err(Unread::NoDate));
    assert_eq!(first_day_of_fiscal_year(2026), Ok(date(2026, 4, 1)));
}

#[test]
fn serial_numbers_of_spreadsheets_are_days_and_times() {
    let serial = |text| from_serial(text, Calendar::From1900);
    assert_eq!(serial("1"), Ok(Written::Date(date(1900, 1, 1))));
    assert_eq!(serial("59"), Ok(Written::Date(date(1900, 2, 28))));
    assert_eq!(serial("60"), Err(Unread::NoSuchDay));
    assert_eq!(serial("61"), Ok(Written::Date(date(1900, 3, 1))));
    assert_eq!(serial("46355"), Ok(Written::Date(date(2026, 11, 29))));
    assert_eq!(
        serial("46355.375"),
        Ok(Written::Local(date(2026, 11, 29).at(9, 0, 0, 0)))
    );
    // 9:05 as a double of days.
    assert_eq!(
        serial("46355.378472222219").unwrap().time(0).unwrap().to_string(),
        "09:05"
    );
    assert_eq!(
        serial("0.354166666666667").unwrap().time(0).unwrap().to_string(),
        "08:30"
    );
    assert_eq!(serial("2958465"), Ok(Written::Date(date(9999, 12, 31))));
    for text in ["-1", "2958466", "1e300"] {
        assert_eq!(serial(text), Err(Unread::NoSuchDay), "{text}");
    }
    assert_eq!(serial("R8.11.29"), Err(Unread::NoNumber));
    let serial = |text| from_serial(text, Calendar::From1904);
    assert_eq!(serial("0"), Ok(Written::Date(date(1904, 1, 1))));
    assert_eq!(serial("44893"), Ok(Written::Date(date(2026, 11, 29))));
}

#[test]
fn seconds_since_1970_are_instants() {
    let read = |text, unit| from_epoch(text, unit).and_then(|time| time.date_time(0));
    let text = |text, unit| read(text, unit).map(|time| time.as_str().to_owned());
    assert_eq!(
        text("1795910400", EpochUnit::Seconds).as_deref(),
        Ok("2026-11-29T00:00:00Z")
    );
    assert_eq!(
        text("1795910400.5", EpochUnit::Seconds).as_deref(),
        Ok("2026-11-29T00:00:00.5Z")
    );
    assert_eq!(
        text("1795910400001", EpochUnit::Milliseconds).as_deref(),
        Ok("2026-11-29T00:00:00.001Z")
    );
    assert_eq!(read("1795910400001", EpochUnit::Seconds), Err(Unread::NoSuchDay));
    assert_eq!(read("", EpochUnit::Seconds), Err(Unread::NoNumber));
}

proptest! {
    #[test]
    fn every_day_is_read_back_from_its_writings(days in 0i64..80_000) {
        let date = date(1873, 1, 1).checked_add(days.days()).unwrap();
        let (year, month, day) = (date.year(), date.month(), date.day());
        for text in [
            format!("{year}年{month}月{day}日"),
            format!("{year}/{month}/{day}"),
            format!("{year}.{month:02}.{day:02}"),
            format!("{year:04}{month:02}{day:02}"),
        ] {
            prop_assert_eq!(read(&text), Ok(Written::Date(date)));
        }
        // One era at least has each of them, and no era another day under the same writing.
        let of_eras = [(1868, "明治"), (1912, "大正"), (1926, "昭和"), (1989, "平成"), (2019, "令和")]
            .into_iter()
            .filter(|(first, _)| *first <= year)
            .map(|(first, era)| read(&format!("{era}{}年{month}月{day}日", year - first + 1)))
            .filter_map(Result::ok);
        let mut count = 0;
        for found in of_eras {
            prop_assert_eq!(found, Written::Date(date));
            count += 1;
        }
        prop_assert!((1..=2).contains(&count));
    }

    #[test]
    fn every_serial_number_counts_days(serial in 61i64..2_958_465) {
        let Ok(Written::Date(one)) = from_serial(&serial.to_string(), Calendar::From1900) else { panic!() };
        prop_assert_eq!(date(1899, 12, 30).until(one).unwrap().get_days(), i32::try_from(serial).unwrap());
    }

    #[test]
    fn no_text_is_too_odd(text in "[0-9０-９元一二十千年月日時分RHST令和平成午前後/.:()-]{0,30}", other in any::<String>()) {
        for text in [text, other] {
            if let Ok(read) = read(&text) {
                // What is read is a date and time that the view can show, or a time of a day.
                prop_assert!(read.date_time(JAPAN).is_ok() || read.time(JAPAN).is_ok());
            }
            let _ = fiscal_year(&text);
        }
    }
}
