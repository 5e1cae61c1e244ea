//! The geo-query of a request (clauses 4.10 and 5.2.13): `georel`, `geometry`, `coordinates` and `geoproperty`, each a
//! parameter of its own or all of them in `geoQ`, as clients of earlier versions and of other brokers send it.

use std::borrow::Cow;

use ngsi_ld::context::Context;
use ngsi_ld::query::{GeoProblem, GeoQuery, InvalidGeoQuery};
use serde_json::Value;

use super::parameters::{Parameters, canonical_name};
use crate::problem::{ErrorType, Problem};

/// The parts of a geo-query; without `geoproperty` it is about `location`.
const PARTS: [&str; 4] = ["georel", "geometry", "coordinates", "geoproperty"];

/// What of a geo-query was given, in the order of [`PARTS`].
type Given<'a> = [Option<Cow<'a, str>>; 4];

/// Reads the geo-query; `None` when there is none.
///
/// # Errors
/// A problem that names the parameter and what is missing or wrong.
//= 6.4.3.2-6, 6.4.3.3-5
pub(super) fn geo_query(parameters: &Parameters<'_>, context: &Context) -> Result<Option<GeoQuery>, Problem> {
    let mut given: Given<'_> = Default::default();
    for (slot, name) in given.iter_mut().zip(PARTS) {
        *slot = parameters.text(name)?.map(Cow::Borrowed);
    }
    if let Some(text) = parameters.text("geoQ")? {
        add(&mut given, text, parameters)?;
    }
    let [georel, geometry, coordinates, geoproperty] = &given;
    let (Some(georel), Some(geometry), Some(coordinates)) = (georel, geometry, coordinates) else {
        return match missing(&given) {
            None => Ok(None),
            Some(name) => {
                let detail =
                    format!("parameter `{name}` is missing: a geo-query needs `georel`, `geometry` and `coordinates`");
                Err(Problem::new(ErrorType::BadRequestData, detail))
            }
        };
    };
    GeoQuery::parse(georel, geometry, coordinates, geoproperty.as_deref(), context)
        .map(Some)
        .map_err(|error| fault(parameters, &error))
}

/// The first part that is missing; `None` where there is no geo-query at all. `geoproperty` alone makes none.
fn missing(given: &Given<'_>) -> Option<&'static str> {
    let required = || given.iter().zip(PARTS).take(3);
    required().any(|(part, _)| part.is_some()).then_some(())?;
    required().find(|(part, _)| part.is_none()).map(|(_, name)| name)
}

/// Adds what stands in `geoQ`: the members of a GeoQuery as JSON, or `georel=...&geometry=...&coordinates=...`. Where
/// its `&` were not encoded, the parts after the first are parameters of their own.
fn add<'a>(given: &mut Given<'a>, text: &'a str, parameters: &Parameters<'_>) -> Result<(), Problem> {
    if text.trim_start().starts_with('{') {
        return add_json(given, text, parameters);
    }
    let mut position = 0;
    for part in text.split('&') {
        // What stands there without a name is the relation: no other part can be mistaken for it.
        let (name, value) = match part.split_once('=') {
            Some((name, value)) if !value.starts_with('=') => (name, value),
            _ => ("georel", part),
        };
        let slot = slot(given, name)
            .ok_or_else(|| parameters.fault("geoQ", position, format_args!("expected one of {}", PARTS.join(", "))))?;
        if value.is_empty() || slot.replace(Cow::Borrowed(value)).is_some() {
            let detail = format_args!("`{name}` is empty or given a second time");
            return Err(parameters.fault("geoQ", position, detail));
        }
        position += part.chars().count() + 1;
    }
    Ok(())
}

fn add_json(given: &mut Given<'_>, text: &str, parameters: &Parameters<'_>) -> Result<(), Problem> {
    let refuse = |detail: &str| parameters.fault("geoQ", 0, detail);
    let Ok(Value::Object(members)) = serde_json::from_str(text) else {
        return Err(refuse(
            "expected JSON: an object with `georel`, `geometry` and `coordinates`",
        ));
    };
    for (name, value) in members {
        let Some(slot) = slot(given, &name) else {
            return Err(refuse(
                "expected no other members than those of a GeoQuery (clause 5.2.13)",
            ));
        };
        let value = match value {
            Value::String(text) => text,
            Value::Array(_) if name.starts_with("coord") => value.to_string(),
            _ => return Err(refuse("expected texts, and for `coordinates` an array")),
        };
        if slot.replace(Cow::Owned(value)).is_some() {
            return Err(refuse("a part of the geo-query is given a second time"));
        }
    }
    Ok(())
}

fn slot<'g, 'a>(given: &'g mut Given<'a>, name: &str) -> Option<&'g mut Option<Cow<'a, str>>> {
    let name = canonical_name(Cow::Borrowed(name));
    let index = PARTS.iter().position(|part| *part == name)?;
    given.get_mut(index)
}

fn fault(parameters: &Parameters<'_>, error: &InvalidGeoQuery) -> Problem {
    let part = error.parameter.as_str();
    let (position, detail) = match &error.problem {
        GeoProblem::Syntax(error) => (
            error.position,
            format!("expected {}, found {}", error.expected, error.found),
        ),
        GeoProblem::Geometry(error) => (0, error.to_string()),
        GeoProblem::Numbers(error) => (0, error.to_string()),
    };
    if parameters.get(part).is_some() || parameters.get("geoQ").is_none() {
        return parameters.fault(part, position, detail);
    }
    Problem::parameter(&format!("geoQ.{part}"), position, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Option<GeoQuery>, Problem> {
        const KNOWN: [&str; 5] = ["georel", "geometry", "coordinates", "geoproperty", "geoQ"];
        let parameters = Parameters::parse(Some(query), &KNOWN, &[])?;
        geo_query(&parameters, Context::core())
    }

    #[test]
    fn one_parameter_or_several_mean_the_same() {
        let several = "georel=near;maxDistance==2000&geometry=Point&coordinates=[8,40]&geoproperty=place";
        let meant = read(several).unwrap();
        assert!(meant.is_some());
        for same in [
            "georel=near%3BmaxDistance%3D%3D2000&geometry=Point&coords=%5B8%2C40%5D&geoproperty=place",
            "geoQ=georel%3Dnear%3BmaxDistance%3D%3D2000%26geometry%3DPoint%26coordinates%3D%5B8%2C40%5D%26geoproperty%3Dplace",
            "geoQ=near%3BmaxDistance%3D%3D2000%26geometry%3DPoint%26coords%3D%5B8%2C40%5D%26geoproperty%3Dplace",
            "geoQ=georel=near;maxDistance==2000&geometry=Point&coordinates=[8,40]&geoproperty=place",
            "geoQ={\"georel\":\"near;maxDistance==2000\",\"geometry\":\"Point\",\"coordinates\":[8,40],\"geoproperty\":\"place\"}",
            "geoQ={\"georel\":\"near;maxDistance==2000\",\"geometry\":\"Point\",\"coordinates\":\"[8,40]\",\"geoproperty\":\"place\"}",
        ] {
            assert_eq!(read(same).unwrap(), meant, "{same}");
        }
        assert_eq!(read("").unwrap(), None);
        assert_eq!(
            read("geoproperty=place").unwrap(),
            None,
            "it is ignored unless a geo-query is present"
        );
    }

    #[test]
    //= 6.4.3.3-5
    fn what_is_missing_or_wrong_is_named() {
        for (query, expected) in [
            ("georel=within&geometry=Point", "parameter `coordinates` is missing"),
            ("geoQ=within", "parameter `geometry` is missing"),
            (
                "geoQ=within%26geometry%3DPoint%26colour%3Dred",
                "parameter `geoQ` at position 22: expected one of",
            ),
            (
                "geoQ=within%26georel%3Dwithin",
                "parameter `geoQ` at position 7: `georel` is empty or given a second",
            ),
            (
                "geoQ=within%26geometry%3DPoint&geometry=Point",
                "parameter `geoQ` at position 7: `geometry` is empty or given",
            ),
            (
                "geoQ=beside%26geometry%3DPoint%26coordinates%3D[8,40]",
                "parameter `geoQ.georel` at position 0: expected near",
            ),
            (
                "geoQ=within%26geometry%3DPoint&coordinates=[8",
                "parameter `coordinates` at position 2: expected JSON",
            ),
            ("geoQ={", "parameter `geoQ` at position 0: expected JSON"),
            ("geoQ={\"georel\":1}", "parameter `geoQ` at position 0: expected texts"),
            (
                "geoQ={\"distance\":\"1\"}",
                "parameter `geoQ` at position 0: expected no other members",
            ),
            (
                "georel=within&geoQ={\"georel\":\"within\"}",
                "parameter `geoQ` at position 0: a part",
            ),
        ] {
            let detail = read(query).unwrap_err().detail;
            assert!(detail.starts_with(expected), "{query}: {detail}");
        }
    }
}
