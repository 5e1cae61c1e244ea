//! The .shp: shapes, one after the other. Lengths that it claims are compared with what is there before anything is kept.

use super::SHAPEFILE;
use crate::FormatError;
use crate::geojson::{Geometry, Position, area, is_around};

const HEADER_BYTES: usize = 100;
/// Beyond so many comparisons of holes with the corners of rings, some milliseconds, a hole belongs to the ring before it, as
/// most programs write it.
const COMPARISONS: usize = 1_000_000;

/// One shape, in the file's own reference system.
pub(super) enum Shape {
    /// None.
    None,
    /// Of a kind that is not read.
    Other,
    Of(Geometry),
}

/// The shapes of a file.
pub(super) struct Shapes<'a> {
    rest: &'a [u8],
}

impl<'a> Shapes<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, FormatError> {
        if be(bytes, 0) != Some(9_994) {
            return Err(FormatError::damaged(SHAPEFILE, "its .shp does not begin as one"));
        }
        Ok(Self {
            rest: bytes.get(HEADER_BYTES..).unwrap_or_default(),
        })
    }

    pub(super) fn next(&mut self) -> Result<Option<Shape>, FormatError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let cut_off = FormatError::damaged(SHAPEFILE, "its .shp is cut off");
        let words = be(self.rest, 4).and_then(|words| usize::try_from(words).ok());
        let bytes = words.and_then(|words| words.checked_mul(2)).ok_or(cut_off.clone())?;
        let record = self.rest.get(8..).and_then(|rest| rest.get(..bytes)).ok_or(cut_off)?;
        self.rest = self.rest.get(8 + bytes..).unwrap_or_default();
        // A record that says more than it holds costs its shape, and not its neighbours.
        Ok(Some(shape(record).unwrap_or(Shape::Other)))
    }
}

fn shape(record: &[u8]) -> Option<Shape> {
    let kind = le(record, 0)?;
    let has_height = matches!(kind, 11 | 13 | 15 | 18);
    Some(match kind {
        0 => Shape::None,
        1 | 11 | 21 => {
            let height = has_height.then(|| double(record, 20)).flatten();
            Shape::Of(Geometry::Point((double(record, 4)?, double(record, 12)?, height)))
        }
        8 | 18 | 28 => {
            let count = count(record, 36)?;
            Shape::Of(Geometry::MultiPoint(positions(record, 40, count, has_height)?))
        }
        3 | 5 | 13 | 15 | 23 | 25 => {
            let (parts, points) = (count(record, 36)?, count(record, 40)?);
            let first = 44_usize.checked_add(parts.checked_mul(4)?)?;
            let positions = positions(record, first, points, has_height)?;
            let mut starts = (0..parts)
                .map(|part| count(record, 44 + part * 4))
                .collect::<Option<Vec<_>>>()?;
            starts.push(points);
            let pieces = starts
                .iter()
                .zip(starts.iter().skip(1))
                .map(|(start, end)| positions.get(*start..*end).map(<[_]>::to_vec));
            let pieces = pieces.collect::<Option<Vec<_>>>()?;
            if pieces.is_empty() {
                Shape::None
            } else if matches!(kind, 3 | 13 | 23) {
                Shape::Of(Geometry::Lines(pieces))
            } else {
                Shape::Of(Geometry::Polygons(polygons(pieces)))
            }
        }
        _ => Shape::Other,
    })
}

/// Positions from `first` on; heights stand below all of them, after their range.
fn positions(record: &[u8], first: usize, count: usize, has_height: bool) -> Option<Vec<Position>> {
    let end = first.checked_add(count.checked_mul(16)?)?;
    let plane = record.get(first..end)?;
    let heights = if has_height {
        record.get(end.checked_add(16)?..)
    } else {
        None
    };
    plane
        .chunks_exact(16)
        .enumerate()
        .map(|(index, pair)| {
            Some((
                double(pair, 0)?,
                double(pair, 8)?,
                heights.and_then(|heights| double(heights, index * 8)),
            ))
        })
        .collect()
}

/// Outer rings run clockwise in a Shapefile, holes the other way. Each hole goes to the smallest ring around it.
fn polygons(rings: Vec<Vec<Position>>) -> Vec<Vec<Vec<Position>>> {
    let (mut polygons, mut holes) = (Vec::<Vec<Vec<Position>>>::new(), Vec::new());
    for ring in rings {
        // What has no area is neither.
        if ring.len() < 3 || area(&ring) == 0.0 {
            continue;
        }
        if area(&ring) < 0.0 {
            polygons.push(vec![ring]);
        } else {
            holes.push((polygons.len(), ring));
        }
    }
    let points: usize = polygons.iter().flatten().map(Vec::len).sum();
    let compared = holes.len().saturating_mul(points) <= COMPARISONS;
    for (before, hole) in holes {
        let around = |polygon: &Vec<Vec<Position>>| match (polygon.first(), hole.first()) {
            (Some(outer), Some(corner)) if is_around(outer, corner) => Some(-area(outer)),
            _ => None,
        };
        let owner = if compared {
            let found = polygons
                .iter()
                .enumerate()
                .filter_map(|(index, polygon)| Some((index, around(polygon)?)));
            found
                .min_by(|(_, one), (_, other)| one.total_cmp(other))
                .map(|(index, _)| index)
        } else {
            before.checked_sub(1)
        };
        match owner.and_then(|owner| polygons.get_mut(owner)) {
            Some(polygon) => polygon.push(hole),
            // A ring that is in none is one of its own, drawn the wrong way round.
            None => polygons.push(vec![hole]),
        }
    }
    polygons
}

fn be(bytes: &[u8], at: usize) -> Option<i32> {
    bytes
        .get(at..at.checked_add(4)?)?
        .try_into()
        .ok()
        .map(i32::from_be_bytes)
}

fn le(bytes: &[u8], at: usize) -> Option<i32> {
    bytes
        .get(at..at.checked_add(4)?)?
        .try_into()
        .ok()
        .map(i32::from_le_bytes)
}

fn count(bytes: &[u8], at: usize) -> Option<usize> {
    // Nothing can be more often there than there are bytes.
    le(bytes, at)
        .and_then(|count| usize::try_from(count).ok())
        .filter(|count| *count <= bytes.len())
}

fn double(bytes: &[u8], at: usize) -> Option<f64> {
    bytes
        .get(at..at.checked_add(8)?)?
        .try_into()
        .ok()
        .map(f64::from_le_bytes)
}
