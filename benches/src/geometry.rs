//! What a place costs: questions with large geometries over many entities, with the making ready of the geometry in them.

use std::f64::consts::TAU;
use std::hint::black_box;

use ngsi_ld::context::Context;
use ngsi_ld::entity::{Attribute, AttributeValue, Geometry, Instance, Position};
use ngsi_ld::query::{GeoQuery, GeoRelation, Ordering};
use ngsi_ld::{AttributeName, Entity, EntityId, TypeName};

use crate::hot_paths::{Failure, HotPath};

/// Positions of the longest line that 64 KiB of coordinates hold.
const LONGEST_LINE: usize = 10_920;

/// Positions of the boundary of a municipality, unsimplified.
const OUTLINE: usize = 10_000;

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    /// The next one, from 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 32).unwrap_or(0)) / f64::from(u32::MAX)
    }

    /// A place in a square of 0.2 degrees.
    fn place(&mut self) -> Position {
        Position::new(139.4 + 0.2 * self.next(), 36.2 + 0.2 * self.next())
    }

    /// A line that wanders from a place.
    fn line(&mut self, positions: usize, step: f64) -> Geometry {
        let mut position = self.place();
        let mut direction = TAU * self.next();
        let mut line = Vec::with_capacity(positions);
        for _ in 0..positions {
            line.push(position);
            direction += self.next() - 0.5;
            position.longitude += step * direction.cos();
            position.latitude += step * direction.sin();
        }
        Geometry::LineString(line)
    }

    fn outline(&mut self, positions: usize) -> Geometry {
        let step = TAU / f64::from(u32::try_from(positions).unwrap_or(1));
        let (mut ring, mut angle, mut roughness) = (Vec::with_capacity(positions + 1), 0.0_f64, 0.0);
        for _ in 0..positions {
            roughness = 0.9 * roughness + 0.004 * (self.next() - 0.5);
            let radius = 0.07 * (1.0 + roughness);
            ring.push(Position::new(139.5 + radius * angle.cos(), 36.3 + radius * angle.sin()));
            angle += step;
        }
        ring.extend(ring.first().copied());
        Geometry::Polygon(vec![ring])
    }
}

fn entities(location: &AttributeName, geometries: impl Iterator<Item = Geometry>) -> Result<Vec<Entity>, Failure> {
    let types: TypeName = Context::core().expand_type("Place")?;
    let entity = |(number, geometry): (usize, Geometry)| {
        let mut entity = Entity::new(
            EntityId::parse(&format!("urn:ngsi-ld:Place:{number:05}"))?,
            types.clone(),
        );
        let value = AttributeValue::GeoProperty(Box::new(geometry));
        entity
            .attributes
            .push(Attribute::new(location.clone(), Instance::new(value)));
        Ok(entity)
    };
    geometries.enumerate().map(entity).collect()
}

fn path(name: &'static str, run: impl FnMut() + 'static) -> HotPath {
    HotPath {
        name,
        bytes: None,
        counted: false,
        run: Box::new(run),
    }
}

/// All of them.
///
/// # Errors
/// When an input is refused, or the benchmark's own questions find nothing.
pub fn paths() -> Result<Vec<HotPath>, Failure> {
    let location = Context::core().expand_attribute("location")?;
    let mut numbers = Numbers(14);
    let (longest, route) = (numbers.line(LONGEST_LINE, 0.000_05), numbers.line(1_000, 0.000_3));
    let outline = numbers.outline(OUTLINE);
    let lines: Vec<Geometry> = (0..200).map(|_| numbers.line(200, 0.000_05)).collect();
    let lines = entities(&location, lines.into_iter())?;
    let points: Vec<Geometry> = (0..10_000).map(|_| Geometry::Point(numbers.place())).collect();
    let points = entities(&location, points.into_iter())?;
    let nine_thousand: Vec<Entity> = points.iter().take(9_000).cloned().collect();
    let near = |metres| GeoRelation::Near {
        min: None,
        max: Some(metres),
    };
    let asks = |name, relation, geometry: &Geometry, entities: &[Entity]| {
        let (geometry, entities, property) = (geometry.clone(), entities.to_vec(), location.clone());
        let find = move || {
            let query = GeoQuery {
                relation,
                geometry: geometry.clone().into(),
                property: property.clone(),
            };
            entities
                .iter()
                .filter(|entity| query.matches(black_box(entity)))
                .count()
        };
        if find() == 0 {
            return Err(Failure::from(format!("{name}: nothing is found")));
        }
        Ok(path(name, move || {
            black_box(find());
        }))
    };
    let from: Vec<String> = longest
        .positions()
        .iter()
        .step_by(4)
        .map(|position| format!("[{:.5},{:.5}]", position.longitude, position.latitude))
        .collect();
    let from = format!("[{}]", from.join(","));
    let away = nine_thousand.clone();
    let by_distance = move || {
        let order = Ordering::parse(
            "location;dist-asc",
            Some(&from),
            Some("LineString"),
            None,
            Context::core(),
        );
        order.map(|order| order.sort(away.clone()).len())
    };
    if by_distance()? != nine_thousand.len() {
        return Err("an order loses entities".into());
    }
    Ok(vec![
        asks(
            "near a line of 10,920 positions, 200 lines of 200",
            near(500.0),
            &longest,
            &lines,
        )?,
        asks(
            "near a line of 10,920 positions, 9,000 points",
            near(500.0),
            &longest,
            &nine_thousand,
        )?,
        asks(
            "near a route of 1,000 positions, 10,000 points",
            near(500.0),
            &route,
            &points,
        )?,
        asks(
            "near a point, 10,000 points",
            near(5_000.0),
            &Geometry::Point(numbers.place()),
            &points,
        )?,
        asks(
            "within an outline of 10,000 positions, 10,000 points",
            GeoRelation::Within,
            &outline,
            &points,
        )?,
        asks(
            "intersecting an outline of 10,000 positions, 200 lines of 200",
            GeoRelation::Intersects,
            &outline,
            &lines,
        )?,
        path(
            "order 9,000 points by distance from a line of 2,730 positions",
            move || {
                let _ = black_box(by_distance());
            },
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_runs() {
        for mut path in paths().unwrap() {
            (path.run)();
        }
    }
}
