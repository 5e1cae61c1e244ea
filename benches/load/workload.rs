//! What is asked, and what the origins have to say to it.

use std::borrow::Cow;

use clap::ValueEnum;
use kakehashi_benches::workload::{ngsi_v2_list, ngsi_v2_small_entity, sano_sites};

use crate::Failure;

/// The workloads, by the names they are quoted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// The edge alone: a 404 after authentication.
    W0,
    /// One entity of 1 KB by id from one Orion.
    W1,
    /// An NGSI-v2 list of 20, translated.
    W2,
    /// A custom REST list of 100, mapped.
    W3,
    /// Three sources that hold the same 20 entities, merged.
    W4,
    /// One entity by id from the store.
    W5,
    /// A store query with `q` and near.
    W6,
    /// GeoJSON of 1,000 features.
    W8,
    /// A page of 20 of the store's 1,000 entities.
    W9,
    /// The same of those that a `q` leaves.
    #[value(name = "w9-q")]
    W9Q,
    /// The same of those within 10 km.
    W9Near,
    /// Three Orions of 100,000 entities each: pages, counts and a walk.
    W10,
}

/// The entity that is asked for by id.
pub(crate) const ENTITY_ID: &str = "urn:ngsi-ld:EvacuationSite:E0921300000201";

/// Entities in the store, where it is not said otherwise.
pub(crate) const STORED: usize = 2_000;

/// Entities in the store of W9.
const STORED_OF_W9: usize = 1_000;

/// Entities that W6 shows at most.
const W6_PAGE: usize = 20;

/// An answer that an origin gives where the request's target holds `when`. The first that fits is given.
pub(crate) struct Canned {
    pub(crate) when: Cow<'static, str>,
    pub(crate) body: String,
    /// How many entities there are in all, which Orion tells those who ask.
    pub(crate) total: usize,
}

impl Workload {
    pub(crate) const ALL: [Self; 12] = [
        Self::W0,
        Self::W1,
        Self::W2,
        Self::W3,
        Self::W4,
        Self::W5,
        Self::W6,
        Self::W8,
        Self::W9,
        Self::W9Q,
        Self::W9Near,
        Self::W10,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::W0 => "W0",
            Self::W1 => "W1",
            Self::W2 => "W2",
            Self::W3 => "W3",
            Self::W4 => "W4",
            Self::W5 => "W5",
            Self::W6 => "W6",
            Self::W8 => "W8",
            Self::W9 => "W9",
            Self::W9Q => "W9-q",
            Self::W9Near => "W9-near",
            Self::W10 => "W10",
        }
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::W0 => "the edge alone: 404 after authentication",
            Self::W1 => "one entity of 1 KB by id from one Orion",
            Self::W2 => "an NGSI-v2 list of 20, translated",
            Self::W3 => "a custom REST list of 100, mapped",
            Self::W4 => "three sources of the same 20 entities, merged",
            Self::W5 => "one entity by id from the store",
            Self::W6 => "a store query with q and near",
            Self::W8 => "GeoJSON of 1,000 features",
            Self::W9 => "a page of 20 of the store's 1,000 entities",
            Self::W9Q => "the same with a q that half of them meet",
            Self::W9Near => "the same of those within 10 km, a fifth of them",
            Self::W10 => "three sources of 100,000 entities each",
        }
    }

    /// What is asked of the gateway.
    pub(crate) fn gateway_path(self) -> String {
        match self {
            Self::W0 => "/ngsi-ld/v1/nothing".to_owned(),
            Self::W1 => format!("/ngsi-ld/v1/entities/{ENTITY_ID}?type=EvacuationSite"),
            Self::W2 | Self::W4 | Self::W9 | Self::W10 => {
                "/ngsi-ld/v1/entities?type=EvacuationSite&limit=20".to_owned()
            }
            Self::W9Q => "/ngsi-ld/v1/entities?type=EvacuationSite&q=maxCapacity%3E=800&limit=20".to_owned(),
            Self::W9Near => "/ngsi-ld/v1/entities?type=EvacuationSite&georel=near;maxDistance==10000&geometry=Point\
                             &coordinates=%5B139.5,36.55%5D&limit=20"
                .to_owned(),
            Self::W3 => "/ngsi-ld/v1/entities?type=EvacuationSite&limit=100".to_owned(),
            Self::W5 => "/ngsi-ld/v1/entities/urn:ngsi-ld:EvacuationSite:000042?type=EvacuationSite".to_owned(),
            Self::W6 => format!(
                "/ngsi-ld/v1/entities?type=EvacuationSite&q=maxCapacity%3E=300;typeOfDisasterFlood==true\
                 &georel=near;maxDistance==3000&geometry=Point&coordinates=%5B139.5,36.55%5D&limit={W6_PAGE}"
            ),
            Self::W8 => "/ngsi-ld/v1/entities?type=EvacuationSite&limit=1000".to_owned(),
        }
    }

    /// What a proxy asks of the origin in the place of the gateway's adapter.
    pub(crate) const fn origin_path(self) -> &'static str {
        match self {
            Self::W0 | Self::W5 | Self::W6 | Self::W9 | Self::W9Q | Self::W9Near => "/fixed",
            Self::W1 => "/v2/entities?type=EvacuationSite&id=E0921300000201&limit=1000&offset=0",
            Self::W2 | Self::W4 | Self::W10 => "/v2/entities?type=EvacuationSite&limit=21&offset=0",
            Self::W3 => "/api/v1/sites?page=1&per_page=100",
            Self::W8 => "/v2/entities?type=EvacuationSite&limit=1000&offset=0",
        }
    }

    pub(crate) const fn accept(self) -> &'static str {
        match self {
            Self::W8 => "application/geo+json",
            _ => "application/json",
        }
    }

    pub(crate) const fn expected_status(self) -> u16 {
        match self {
            Self::W0 => 404,
            _ => 200,
        }
    }

    /// How many origins the gateway has.
    pub(crate) const fn origins(self) -> usize {
        match self {
            Self::W0 | Self::W5 | Self::W6 | Self::W9 | Self::W9Q | Self::W9Near => 0,
            Self::W4 | Self::W10 => 3,
            _ => 1,
        }
    }

    /// How many entities the store has; `None`: there is none.
    pub(crate) const fn stored(self) -> Option<usize> {
        match self {
            Self::W5 | Self::W6 => Some(STORED),
            Self::W9 | Self::W9Q | Self::W9Near => Some(STORED_OF_W9),
            _ => None,
        }
    }

    /// Whether it asks the store for pages alone, which a bare program can do as well.
    pub(crate) const fn is_page_of_store(self) -> bool {
        matches!(self, Self::W9 | Self::W9Q | Self::W9Near)
    }

    /// What an origin answers.
    pub(crate) fn canned(self) -> Vec<Canned> {
        let when = |when: &'static str, body, total| Canned {
            when: when.into(),
            body,
            total,
        };
        let orion = |body, total| {
            // Whoever reads page by page must find an end.
            vec![when("offset=0", body, total), when("offset=", "[]".to_owned(), total)]
        };
        match self {
            // Those of W10 are made as they are asked for.
            Self::W0 | Self::W5 | Self::W6 | Self::W9 | Self::W9Q | Self::W9Near | Self::W10 => vec![],
            Self::W1 => orion(format!("[{}]", ngsi_v2_small_entity()), 1),
            Self::W2 | Self::W4 => orion(ngsi_v2_list(20), 20),
            Self::W3 => vec![when("", sano_sites(100), 100)],
            Self::W8 => orion(ngsi_v2_list(1000), 1000),
        }
    }

    /// Looks at an answer of the gateway or of a transform, so that nobody wins by answering something else.
    pub(crate) fn check(self, who: &str, body: &[u8]) -> Result<(), Failure> {
        let value: serde_json::Value = serde_json::from_slice(body)?;
        let found = match self {
            Self::W0 => return Ok(()),
            Self::W1 | Self::W5 => usize::from(value.get("id").is_some()),
            Self::W8 => value
                .get("features")
                .and_then(serde_json::Value::as_array)
                .map_or(0, Vec::len),
            _ => value.as_array().map_or(0, Vec::len),
        };
        let expected = match self {
            Self::W0 | Self::W1 | Self::W5 => 1,
            Self::W2 | Self::W4 | Self::W9 | Self::W9Q | Self::W9Near | Self::W10 => 20,
            Self::W3 => 100,
            Self::W6 => W6_PAGE,
            Self::W8 => 1000,
        };
        if found == expected {
            return Ok(());
        }
        Err(format!("{}: {who} answered {found} entities instead of {expected}", self.name()).into())
    }
}
