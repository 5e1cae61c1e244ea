//! The entities that every source of the suite holds.

use std::sync::Arc;

use ngsi_ld::Entity;
use ngsi_ld::context::Context;
use ngsi_ld::entity::parse::parse_entities;

/// One entity. What is `None` is no attribute of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site {
    /// The last part of its id.
    pub(crate) number: u32,
    /// `EvacuationSite` or `AED`.
    pub(crate) r#type: &'static str,
    /// `name`, a Property.
    pub(crate) name: &'static str,
    /// `maxCapacity`, a Property.
    pub(crate) capacity: Option<i64>,
    /// `waterLevel`, a Property.
    pub(crate) level: Option<f64>,
    /// `opened`, a Property.
    pub(crate) opened: Option<bool>,
    /// `dateObserved`, a Property that is a DateTime.
    pub(crate) observed: Option<&'static str>,
    /// `location`, a GeoProperty: longitude, latitude.
    pub(crate) location: Option<(f64, f64)>,
    /// `contactPointPhoneNumber`, a Property. It is the one that consumers of the suite may not see.
    pub(crate) telephone: Option<&'static str>,
}

/// An attribute that [`Site::telephone`] becomes.
pub(crate) const HIDDEN: &str = "contactPointPhoneNumber";

const fn site(number: u32, r#type: &'static str, name: &'static str) -> Site {
    Site {
        number,
        r#type,
        name,
        capacity: None,
        level: None,
        opened: None,
        observed: None,
        location: None,
        telephone: None,
    }
}

/// What every source holds.
pub(crate) const SITES: &[Site] = &[
    Site {
        capacity: Some(120),
        level: Some(0.5),
        opened: Some(true),
        observed: Some("2026-01-01T00:00:00Z"),
        location: Some((139.9625, 36.9625)),
        telephone: Some("080-0000-0001"),
        ..site(1, "EvacuationSite", "黒磯小学校")
    },
    Site {
        capacity: Some(80),
        level: Some(-1.25),
        opened: Some(false),
        observed: Some("2026-01-01T09:30:00.5Z"),
        location: Some((139.97, 36.97)),
        telephone: Some("080-0000-0002"),
        ..site(2, "EvacuationSite", "稲村小学校")
    },
    Site {
        capacity: Some(5),
        opened: Some(true),
        observed: Some("2025-12-31T23:59:59Z"),
        location: Some((140.05, 37.1)),
        ..site(3, "EvacuationSite", "5")
    },
    Site {
        capacity: Some(0),
        level: Some(3.5),
        location: Some((139.5, 36.3)),
        ..site(4, "EvacuationSite", "公園 (北) = 広場; \"仮\"")
    },
    Site {
        level: Some(0.5),
        telephone: Some("080-0000-0005"),
        ..site(5, "EvacuationSite", "佐野市役所")
    },
    site(6, "EvacuationSite", "Park"),
    Site {
        location: Some((139.9626, 36.9626)),
        opened: Some(true),
        ..site(7, "AED", "黒磯小学校")
    },
    Site {
        capacity: Some(1),
        location: Some((139.6, 36.4)),
        ..site(8, "AED", "市民会館")
    },
    site(9, "AED", "true"),
];

/// The context that the suite uses.
pub(crate) fn context() -> Arc<Context> {
    Arc::clone(Context::core())
}

impl Site {
    /// Its id in the view.
    pub(crate) fn id(&self) -> String {
        format!("urn:ngsi-ld:{}:{:03}", self.r#type, self.number)
    }

    /// The entity in NGSI-LD, normalized.
    pub(crate) fn ngsi_ld(&self) -> serde_json::Value {
        let mut entity = serde_json::json!({
            "id": self.id(),
            "type": self.r#type,
            "name": { "type": "Property", "value": self.name },
        });
        let mut set = |name: &str, value: Option<serde_json::Value>| {
            if let Some(value) = value {
                entity[name] = serde_json::json!({ "type": "Property", "value": value });
            }
        };
        set("maxCapacity", self.capacity.map(Into::into));
        set("waterLevel", self.level.map(Into::into));
        set("opened", self.opened.map(Into::into));
        let date = |text| serde_json::json!({ "@type": "DateTime", "@value": text });
        set("dateObserved", self.observed.map(date));
        set(HIDDEN, self.telephone.map(Into::into));
        if let Some((longitude, latitude)) = self.location {
            let point = serde_json::json!({ "type": "Point", "coordinates": [longitude, latitude] });
            entity["location"] = serde_json::json!({ "type": "GeoProperty", "value": point });
        }
        entity
    }
}

/// [`SITES`], as the view shows them.
pub(crate) fn entities() -> Vec<Entity> {
    let sites: Vec<_> = SITES.iter().map(Site::ngsi_ld).collect();
    parse_entities(serde_json::to_string(&sites).unwrap().as_bytes(), &context()).unwrap()
}
