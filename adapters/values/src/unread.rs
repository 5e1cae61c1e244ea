//! Why a text is not read.

/// Why a text is no value of the kind that was asked for. It names no character of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unread {
    /// Longer than any value of its kind.
    #[error("longer than any such value is written")]
    TooLong,
    /// Neither a date nor a time.
    #[error("no date or time in a known writing")]
    NoDate,
    /// `09/10/11`, `1/9/2026`, 午後12時.
    #[error("the date or time can mean more than one")]
    AmbiguousDate,
    /// 8月5日, 2026年11月.
    #[error("the date lacks its year, month or day")]
    IncompleteDate,
    /// A date where a time is wanted, or the other way round.
    #[error("a date without a time, or a time without a date")]
    HalfDate,
    /// 2026-02-30, and the 60th day of a spreadsheet, which never was.
    #[error("the calendar has no such day")]
    NoSuchDay,
    /// 25:00, 9:61.
    #[error("the day has no such time")]
    NoSuchTime,
    /// 平成32年, 令和元年4月30日.
    #[error("the day is not of the era that is named")]
    OutsideOfEra,
    /// Japan counted days by the moon until the end of 1872 (明治5年).
    #[error("a day of an era before 1873 is of the old calendar")]
    OldCalendar,
    /// 2026年(令和7年).
    #[error("the two years that are named are not the same")]
    YearsDiffer,
    /// 令和8年度 where a day is wanted.
    #[error("a fiscal year, which is no day")]
    FiscalYear,
    /// No number.
    #[error("no number")]
    NoNumber,
    /// `10～20`.
    #[error("a range of numbers")]
    Range,
    /// 約10, 10以上.
    #[error("a number that is only about right")]
    Rough,
    /// `12人` where no unit or another one is known.
    #[error("a number with a unit that is not known")]
    UnknownUnit,
    /// Beyond what the view can hold, or more digits than are computed with.
    #[error("a number that is too large or has too many digits")]
    NumberTooLarge,
    /// No code.
    #[error("no code of a local government")]
    NoCode,
    /// A digit is wrong.
    #[error("the check digit of the code is wrong")]
    CheckDigit,
    /// `12211` is the beginning of 122114 (成田市), or 012211 (名寄市) that has lost its zero.
    #[error("the code can be that of two places")]
    AmbiguousCode,
    /// No position.
    #[error("no position in a known writing")]
    NoPosition,
    /// 60 minutes or seconds and more.
    #[error("minutes and seconds of an angle are below 60")]
    NoSuchAngle,
    /// Outside of the globe or of the area of the reference system.
    #[error("a position outside of the globe, or of where its reference system is used")]
    ImpossiblePosition,
    /// On the globe the other way round only.
    #[error("latitude and longitude, or X and Y, are swapped")]
    Swapped,
}
