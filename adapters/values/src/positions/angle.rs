//! One angle: degrees, or degrees, minutes and seconds, with every sign that is found between them.

use super::LONGEST;
use crate::Unread;
use crate::characters::{half_width, is_dash};

/// Which of both an angle says to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    Latitude,
    Longitude,
}

/// Reads an angle in degrees: `36.31`, `36°18′52.5″`, 36度18分52秒, `36-18-52`, `N36.18.52.5`, 北緯36度18.9分, `36:18:52`.
///
/// # Errors
/// Why the text is none.
pub fn angle(text: &str) -> Result<f64, Unread> {
    with_axis(text).map(|(degrees, _)| degrees)
}

/// Signs behind degrees, minutes and seconds. A quotation mark that is doubled means seconds.
const SIGNS: [&str; 3] = ["°º˚度", "′'’‘´`分", "″\"”“〃秒"];

/// Words in front of an angle or behind it, the axis that they name, and whether they turn it round.
const AXES: [(&str, Axis, bool); 8] = [
    ("北緯", Axis::Latitude, false),
    ("南緯", Axis::Latitude, true),
    ("東経", Axis::Longitude, false),
    ("西経", Axis::Longitude, true),
    ("N", Axis::Latitude, false),
    ("S", Axis::Latitude, true),
    ("E", Axis::Longitude, false),
    ("W", Axis::Longitude, true),
];

/// The same, with the axis where the text names it.
pub(super) fn with_axis(text: &str) -> Result<(f64, Option<Axis>), Unread> {
    if text.chars().nth(LONGEST).is_some() {
        return Err(Unread::TooLong);
    }
    let folded: String = text
        .chars()
        .map(|character| if is_dash(character) { '-' } else { half_width(character) })
        .map(|character| character.to_ascii_uppercase())
        .collect();
    let folded = folded.replace("''", "\"").replace("′′", "\"").replace("’’", "\"");
    let mut rest = folded.trim();
    let mut axis = None;
    for (word, of, turns) in AXES {
        let stripped = rest.strip_prefix(word).or_else(|| rest.strip_suffix(word));
        if let Some(stripped) = stripped {
            (rest, axis) = (stripped.trim(), Some((of, turns)));
            break;
        }
    }
    let turns = axis.is_some_and(|(_, turns)| turns);
    let axis = axis.map(|(axis, _)| axis);
    let (is_negative, rest) = match (rest.strip_prefix('-'), rest.strip_prefix('+')) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => (false, rest),
    };
    // 36.5 south of something that is south already is nothing.
    if axis.is_some() && is_negative {
        return Err(Unread::NoPosition);
    }
    let degrees = unsigned(rest)?;
    Ok((if is_negative != turns { -degrees } else { degrees }, axis))
}

fn unsigned(text: &str) -> Result<f64, Unread> {
    if let Some(degrees) = decimal(text) {
        return Ok(degrees);
    }
    let parts = signed_parts(text)
        .or_else(|| separated_parts(text))
        .ok_or(Unread::NoPosition)?;
    let mut degrees = 0.0;
    for (part, size) in parts.iter().zip([1.0, 60.0, 3600.0]) {
        if size > 1.0 && *part >= 60.0 {
            return Err(Unread::NoSuchAngle);
        }
        degrees += part / size;
    }
    Ok(degrees)
}

/// Digits, and a point with more of them.
fn decimal(text: &str) -> Option<f64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_digits(whole) && is_digits(fraction)).then(|| text.parse().ok())?
}

/// `36°18′52.5″`: each part with its sign, the last of them with a fraction.
fn signed_parts(text: &str) -> Option<Vec<f64>> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    for (place, signs) in SIGNS.iter().enumerate() {
        if rest.is_empty() {
            break;
        }
        let end = rest.find(|character: char| signs.contains(character));
        let (number, after) = match end {
            Some(end) => {
                let (number, after) = rest.split_at_checked(end)?;
                let mut behind = after.chars();
                behind.next();
                (number, behind.as_str())
            }
            // The sign of seconds is left out at times.
            None if place == 2 => (rest, ""),
            None => return None,
        };
        let is_last = after.trim().is_empty();
        let part = decimal(number.trim()).filter(|part| is_last || part.fract() == 0.0)?;
        parts.push(part);
        rest = after.trim();
    }
    (rest.is_empty() && !parts.is_empty()).then_some(parts)
}

/// `36-18-52.5`, `36:18:52.5`, `36 18 52.5`, `36.18.52.5`: three parts, of which the last has a fraction.
fn separated_parts(text: &str) -> Option<Vec<f64>> {
    let separator = ['-', ':', ' ', '.']
        .into_iter()
        .find(|separator| text.contains(*separator))?;
    let mut parts = text.splitn(3, separator).map(|part| decimal(part.trim()));
    let (degrees, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    let is_whole = degrees.fract() == 0.0 && minutes.fract() == 0.0;
    is_whole.then(|| vec![degrees, minutes, seconds])
}
