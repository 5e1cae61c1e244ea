//! Values as people in Japan write them, read as what they mean: pure functions over texts.
//!
//! | module | reads |
//! |---|---|
//! | [`characters`] | width, half-width kana, dashes, spaces; characters that nobody else knows |
//! | [`dates`] | dates and times of both calendars, serial numbers of spreadsheets, seconds since 1970 |
//! | [`numbers`] | numbers in any width, with thousands, 万 and 億, signs and units |
//! | [`codes`] | codes of local governments and corporations, and their check digits |
//! | [`positions`] | degrees in every writing, both in one text, WKT |
//! | [`crs`] | reference systems by EPSG code, name or `.prj`, and the way to WGS84 |
//!
//! What can mean two things means nothing here, and [`Unread`] says why: a wrong date is worse than none. No text of a value
//! is ever in a reason. No function looks at more than its longest text, which is a constant of its module.

pub mod characters;
pub mod codes;
pub mod crs;
pub mod dates;
pub mod numbers;
pub mod positions;

mod unread;

pub use unread::Unread;
