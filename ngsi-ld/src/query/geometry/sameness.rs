//! Whether two geometries have the same lines, wherever their rings begin and whichever way they go.

use geo::Coord;

use super::index::Index;
use super::shape::Dimension;
use super::target::Target;
use crate::entity::Role;

/// Whether the lines are the same, each as often. Geometries of one dimension that have the same lines, none of which
/// crosses another, are the same.
pub(super) fn have_same_lines(target: &Target<'_>, index: &Index) -> bool {
    if target.dimension() != index.dimension()
        || target.size() != index.size()
        || target.parts().len() != index.parts().len()
        || target.bounds() != index.bounds()
    {
        return false;
    }
    let of_target = target.parts().iter().map(|part| (part.role, part.coords().collect()));
    let of_index = index
        .parts()
        .iter()
        .map(|part| (part.role, index.positions_of(part).to_vec()));
    in_one_form(of_target) == in_one_form(of_index)
}

/// Parts in a form and an order that do not depend on where they begin.
fn in_one_form(parts: impl Iterator<Item = (Role, Vec<Coord<f64>>)>) -> Vec<Vec<Coord<f64>>> {
    let mut parts: Vec<_> = parts
        .map(|(role, positions)| part_in_one_form(role, positions))
        .collect();
    parts.sort_by(|a, b| {
        let pairs = a.iter().zip(b).map(|(a, b)| compare(a, b));
        let first = pairs.into_iter().find(|order| order.is_ne());
        first.unwrap_or_else(|| a.len().cmp(&b.len()))
    });
    parts
}

/// A ring from its least position on, towards the lesser of its neighbours; a line from its lesser end.
fn part_in_one_form(role: Role, mut positions: Vec<Coord<f64>>) -> Vec<Coord<f64>> {
    if Dimension::of(role) == Dimension::Areas {
        // The last position is the first one.
        positions.pop();
        let least = positions.iter().enumerate().min_by(|(_, a), (_, b)| compare(a, b));
        let least = least.map_or(0, |(place, _)| place);
        positions.rotate_left(least);
        let (next, last) = (positions.get(1), positions.last());
        if next.zip(last).is_some_and(|(next, last)| compare(last, next).is_lt()) {
            positions.reverse();
            positions.rotate_right(1);
        }
    } else if positions
        .first()
        .zip(positions.last())
        .is_some_and(|(first, last)| compare(last, first).is_lt())
    {
        positions.reverse();
    }
    positions
}

fn compare(a: &Coord<f64>, b: &Coord<f64>) -> std::cmp::Ordering {
    a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y))
}
