//! Positions as people write them: an angle, both in one text, or WKT.
//!
//! What a text says of its order (北緯, E) is obeyed, and the order of the mapping where it says nothing. Latitude and
//! longitude in the wrong order are told as such: a place that was guessed is worse than none.

mod angle;
mod shape;

pub use angle::angle;
pub use shape::{LONGEST_GEOMETRY, geometry, wkt};

use ngsi_ld::entity::Position;

use crate::Unread;
use crate::characters::half_width;
use crate::crs::Crs;
use angle::Axis;

/// Longest text of one position that is looked at, in characters.
pub const LONGEST: usize = 120;

/// Which comes first in a text that holds both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Latitude, or X of a plane system, as people say it.
    #[default]
    LatitudeFirst,
    /// Longitude, or Y of a plane system, as GeoJSON and WKT write it.
    LongitudeFirst,
}

/// Reads a text with both: `36.31,139.57`, `36°18′52″N 139°34′31″E`, 北緯36度18分52秒、東経139度34分31秒, `(36.31, 139.57, 25.0)`.
///
/// # Errors
/// Why the text is none.
pub fn both(text: &str, order: Order, crs: &Crs) -> Result<Position, Unread> {
    if text.chars().nth(LONGEST).is_some() {
        return Err(Unread::TooLong);
    }
    let folded: String = text.chars().map(half_width).collect();
    let mut inside = folded.trim();
    for (open, close) in [('(', ')'), ('[', ']')] {
        if let Some(text) = inside.strip_prefix(open).and_then(|text| text.strip_suffix(close)) {
            inside = text.trim();
        }
    }
    let (first, second, height) = parts(inside).ok_or(Unread::NoPosition)?;
    let ((first, first_axis), (second, second_axis)) = (angle::with_axis(first)?, angle::with_axis(second)?);
    let is_longitude_first = match (first_axis, second_axis) {
        (Some(Axis::Longitude), Some(Axis::Latitude) | None) | (None, Some(Axis::Latitude)) => true,
        (Some(Axis::Latitude), Some(Axis::Longitude) | None) | (None, Some(Axis::Longitude)) => false,
        (None, None) => order == Order::LongitudeFirst,
        (Some(_), Some(_)) => return Err(Unread::NoPosition),
    };
    let (longitude, latitude) = if is_longitude_first {
        (first, second)
    } else {
        (second, first)
    };
    let height = height
        .map(|height| crate::numbers::as_f64(height).map_err(|_| Unread::NoPosition))
        .transpose()?;
    crs.position(longitude, latitude, height)
}

/// The two parts of a text, and a third that is the height.
fn parts(text: &str) -> Option<(&str, &str, Option<&str>)> {
    for separator in [",", "、", ";", "/"] {
        if text.contains(separator) {
            return three(text.split(separator));
        }
    }
    // The second begins with its axis.
    for axis in ["東経", "西経", "北緯", "南緯"] {
        if let Some(at) = text.rfind(axis).filter(|at| *at > 0) {
            let (first, second) = text.split_at_checked(at)?;
            return Some((first, second, None));
        }
    }
    // `36°18′52″N 139°34′31″E`, `N36.18.52 E139.34.31`, `36.31 139.57`
    let by_letter = |(at, character): (usize, char)| matches!(character, 'E' | 'W' | 'e' | 'w').then_some(at);
    if let Some(at) = text.char_indices().find_map(by_letter)
        && text.starts_with(['N', 'S', 'n', 's'])
    {
        let (first, second) = text.split_at_checked(at)?;
        return Some((first, second, None));
    }
    if let Some(at) = text.find(['N', 'S', 'n', 's']) {
        let (first, second) = text.split_at_checked(at + 1)?;
        if !second.trim().is_empty() && at > 0 {
            return Some((first, second, None));
        }
    }
    three(text.split_whitespace())
}

fn three<'t>(mut parts: impl Iterator<Item = &'t str>) -> Option<(&'t str, &'t str, Option<&'t str>)> {
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next());
    let third = third.filter(|third| !third.trim().is_empty());
    parts.next().is_none().then_some((first, second, third))
}

#[cfg(test)]
mod tests;
