//! 国土地理院's open data on places of refuge: reading the published GeoJSON.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

pub(crate) const SANO_SITES: &str = include_str!("../data/gsi_emergency_092045.geojson");
pub(crate) const SANO_SHELTERS: &str = include_str!("../data/gsi_evacuation_092045.geojson");
pub(crate) const YAITA_SITES: &str = include_str!("../data/gsi_emergency_092118.geojson");
pub(crate) const YAITA_SHELTERS: &str = include_str!("../data/gsi_evacuation_092118.geojson");
pub(crate) const NASUSHIOBARA_SITES: &str = include_str!("../data/gsi_emergency_092134.geojson");
pub(crate) const NASUSHIOBARA_SHELTERS: &str = include_str!("../data/gsi_evacuation_092134.geojson");

/// The hazards of 指定緊急避難場所: the published column, the view's attribute, the field of Sano's platform.
pub(crate) const HAZARDS: [(&str, &str, &str); 8] = [
    ("洪水", "typeOfDisasterFlood", "kozui"),
    ("崖崩れ、土石流及び地滑り", "typeOfDisasterLandslide", "dosha"),
    ("高潮", "typeOfDisasterStormSurge", "takashio"),
    ("地震", "typeOfDisasterEarthquake", "jishin"),
    ("津波", "typeOfDisasterTsunami", "tsunami"),
    ("大規模な火事", "typeOfDisasterFire", "kaji"),
    ("内水氾濫", "typeOfDisasterInlandFlood", "naisui"),
    ("火山現象", "typeOfDisasterEruption", "kazan"),
];

const ALSO_FOR_SHELTER: &str = "指定避難所との住所同一";
const ALSO_FOR_SITE: &str = "指定緊急避難場所との住所同一";

/// A place of refuge of either kind.
#[derive(Debug, Deserialize)]
pub(crate) struct Refuge {
    geometry: Geometry,
    properties: Properties,
}

#[derive(Debug, Deserialize)]
struct Geometry {
    coordinates: (f64, f64),
}

#[derive(Debug, Deserialize)]
struct Properties {
    #[serde(rename = "共通ID")]
    common_id: String,
    #[serde(rename = "施設・場所名")]
    name: String,
    #[serde(rename = "住所")]
    address: String,
    #[serde(rename = "備考")]
    remarks: Option<String>,
    #[serde(flatten)]
    other: HashMap<String, Value>,
}

#[derive(Debug, Deserialize)]
struct Collection {
    features: Vec<Refuge>,
}

/// The places in a published file.
pub(crate) fn refuges(geojson: &str) -> serde_json::Result<Vec<Refuge>> {
    serde_json::from_str::<Collection>(geojson).map(|collection| collection.features)
}

// === impl Refuge ===

impl Refuge {
    /// The nationwide id, 14 characters.
    pub(crate) fn common_id(&self) -> &str {
        &self.properties.common_id
    }

    pub(crate) fn name(&self) -> &str {
        &self.properties.name
    }

    pub(crate) fn address(&self) -> &str {
        &self.properties.address
    }

    /// Remarks, if there are any.
    pub(crate) fn remarks(&self) -> Option<&str> {
        self.properties.remarks.as_deref().filter(|remarks| !remarks.is_empty())
    }

    pub(crate) fn longitude(&self) -> f64 {
        self.geometry.coordinates.0
    }

    pub(crate) fn latitude(&self) -> f64 {
        self.geometry.coordinates.1
    }

    /// Whether a column holds the published mark for yes.
    pub(crate) fn has(&self, column: &str) -> bool {
        self.properties.other.get(column).and_then(Value::as_str) == Some("1")
    }

    /// Whether the place is also one of the other kind.
    pub(crate) fn is_also_of_other_kind(&self) -> bool {
        self.has(ALSO_FOR_SHELTER) || self.has(ALSO_FOR_SITE)
    }

    /// What is known of the place beside its location, under the view's names.
    pub(crate) fn facts(&self, kind: Kind, local_government_code: &str) -> Vec<(&'static str, Value)> {
        let mut facts = vec![
            ("name", Value::from(self.name())),
            ("fullAddress", Value::from(self.address())),
            ("localGovernmentCode", Value::from(local_government_code)),
            ("commonId", Value::from(self.common_id())),
        ];
        match kind {
            Kind::EvacuationSite => {
                let hazards = HAZARDS.map(|(column, attribute, _)| (attribute, self.has(column).into()));
                facts.extend(hazards);
                facts.push(("alsoForShelter", self.is_also_of_other_kind().into()));
            }
            Kind::DesignatedShelter => {
                facts.push(("alsoForSite", self.is_also_of_other_kind().into()));
            }
        }
        facts.extend(self.remarks().map(|remarks| ("remarks", remarks.into())));
        facts
    }
}

/// The two kinds of places of refuge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// 指定緊急避難場所: where to flee a hazard.
    EvacuationSite,
    /// 指定避難所: where to stay.
    DesignatedShelter,
}

// === impl Kind ===

impl Kind {
    /// The entity type of the view.
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Self::EvacuationSite => "EvacuationSite",
            Self::DesignatedShelter => "DesignatedShelter",
        }
    }
}
