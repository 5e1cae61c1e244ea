//! The core contexts that ETSI published, built in: they are never fetched (clauses 4.4 and 5.5.7).

use std::sync::{Arc, LazyLock};

use super::definition::ActiveContext;
use super::document::{Part, parse_document};
use super::{CORE_CONTEXT, Context};

/// A version of the core context whose document is built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum CoreVersion {
    /// v1.3.1
    V1_3,
    /// v1.4.1
    V1_4,
    /// v1.5.1
    V1_5,
    /// v1.6.1
    V1_6,
    /// v1.7.1
    V1_7,
    /// v1.8.1
    V1_8,
    /// v1.9.1, the version that this crate implements; also that of the address without a version.
    #[default]
    V1_9,
}

impl CoreVersion {
    /// All of them, the oldest first.
    pub const ALL: [Self; 7] = [
        Self::V1_3,
        Self::V1_4,
        Self::V1_5,
        Self::V1_6,
        Self::V1_7,
        Self::V1_8,
        Self::V1_9,
    ];

    /// The version that is published at an address, by either scheme; `None` when none is.
    #[must_use]
    pub fn of_url(url: &str) -> Option<Self> {
        let path = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
        let name = path.strip_prefix("uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context")?;
        Some(match name.strip_suffix(".jsonld")? {
            "-v1.3" => Self::V1_3,
            "-v1.4" => Self::V1_4,
            "-v1.5" => Self::V1_5,
            "-v1.6" => Self::V1_6,
            "-v1.7" => Self::V1_7,
            "-v1.8" => Self::V1_8,
            "" | "-v1.9" => Self::V1_9,
            _ => return None,
        })
    }

    /// The document, as published.
    #[must_use]
    //= 4.4-4, 5.2.1-2
    pub const fn document(self) -> &'static str {
        match self {
            Self::V1_3 => include_str!("../../contexts/ngsi-ld-core-context-v1.3.jsonld"),
            Self::V1_4 => include_str!("../../contexts/ngsi-ld-core-context-v1.4.jsonld"),
            Self::V1_5 => include_str!("../../contexts/ngsi-ld-core-context-v1.5.jsonld"),
            Self::V1_6 => include_str!("../../contexts/ngsi-ld-core-context-v1.6.jsonld"),
            Self::V1_7 => include_str!("../../contexts/ngsi-ld-core-context-v1.7.jsonld"),
            Self::V1_8 => include_str!("../../contexts/ngsi-ld-core-context-v1.8.jsonld"),
            Self::V1_9 => CORE_CONTEXT,
        }
    }
}

/// Whether the URL is that of a core context, of whatever version: it is always present and never fetched.
#[must_use]
pub fn is_core_context(url: &str) -> bool {
    CoreVersion::of_url(url).is_some()
}

impl Context {
    /// The core context alone, of the version that this crate implements.
    #[must_use]
    pub fn core() -> &'static Arc<Self> {
        Self::core_of(CoreVersion::default())
    }

    /// The core context of a version alone.
    #[must_use]
    pub fn core_of(version: CoreVersion) -> &'static Arc<Self> {
        static V1_3: LazyLock<Arc<Context>> = LazyLock::new(|| compile(CoreVersion::V1_3));
        static V1_4: LazyLock<Arc<Context>> = LazyLock::new(|| compile(CoreVersion::V1_4));
        static V1_5: LazyLock<Arc<Context>> = LazyLock::new(|| compile(CoreVersion::V1_5));
        static V1_6: LazyLock<Arc<Context>> = LazyLock::new(|| compile(CoreVersion::V1_6));
        static V1_7: LazyLock<Arc<Context>> = LazyLock::new(|| compile(CoreVersion::V1_7));
        static V1_8: LazyLock<Arc<Context>> = LazyLock::new(|| compile(CoreVersion::V1_8));
        static V1_9: LazyLock<Arc<Context>> = LazyLock::new(|| compile(CoreVersion::V1_9));
        match version {
            CoreVersion::V1_3 => &V1_3,
            CoreVersion::V1_4 => &V1_4,
            CoreVersion::V1_5 => &V1_5,
            CoreVersion::V1_6 => &V1_6,
            CoreVersion::V1_7 => &V1_7,
            CoreVersion::V1_8 => &V1_8,
            CoreVersion::V1_9 => &V1_9,
        }
    }
}

/// Compiles a built-in document; a test proves that each compiles whole.
fn compile(version: CoreVersion) -> Arc<Context> {
    let mut active = ActiveContext::for_core();
    let parts = parse_document(version.document()).unwrap_or_default();
    for part in parts {
        if let Part::Local(members) = part {
            // An error leaves the terms out; the tests of this module find that.
            let _ = active.define(&members);
        }
    }
    Arc::new(active.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    //= 5.2.1-2
    fn every_built_in_version_compiles_whole() {
        for version in CoreVersion::ALL {
            let document: serde_json::Value = serde_json::from_str(version.document()).unwrap();
            let members = document["@context"].as_object().unwrap().keys();
            let terms = members.filter(|name| !name.starts_with('@')).count();
            assert_eq!(Context::core_of(version).term_count(), terms, "{version:?}");
        }
    }

    #[test]
    fn exactly_the_published_addresses_are_core_contexts() {
        let address = |rest: &str| format!("https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context{rest}");
        for (rest, version) in [
            (".jsonld", CoreVersion::V1_9),
            ("-v1.3.jsonld", CoreVersion::V1_3),
            ("-v1.4.jsonld", CoreVersion::V1_4),
            ("-v1.5.jsonld", CoreVersion::V1_5),
            ("-v1.6.jsonld", CoreVersion::V1_6),
            ("-v1.7.jsonld", CoreVersion::V1_7),
            ("-v1.8.jsonld", CoreVersion::V1_8),
            ("-v1.9.jsonld", CoreVersion::V1_9),
        ] {
            assert_eq!(CoreVersion::of_url(&address(rest)), Some(version));
            let plain = address(rest).replace("https", "http");
            assert_eq!(CoreVersion::of_url(&plain), Some(version));
        }
        for rest in [
            "",
            "-v1.2.jsonld",
            "-v1.10.jsonld",
            "-v2.jsonld",
            "-v1.9.jsonld?",
            "-v1.9.json",
            "-v1.9.jsonld/x",
        ] {
            assert!(!is_core_context(&address(rest)), "{rest}");
        }
        for url in [
            "ftp://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld",
            "https://uri.etsi.org.example/ngsi-ld/v1/ngsi-ld-core-context.jsonld",
            "https://x@uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld",
            "uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld",
        ] {
            assert!(!is_core_context(url), "{url}");
        }
    }

    #[test]
    //= 4.4-4
    fn terms_mean_what_the_version_that_is_named_says_and_win() {
        let vocab = |versions: &[&str]| {
            let builder = versions.iter().fold(Context::builder(), |builder, version| {
                builder.reference(&format!(
                    "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context{version}.jsonld"
                ))
            });
            let own = r#"{"@context": {"vocab": "urn:x:vocab", "location": "urn:x:location"}}"#;
            let context = builder.document(own).unwrap().build().unwrap();
            assert_eq!(
                context.expand("location").unwrap().as_str(),
                "https://uri.etsi.org/ngsi-ld/location"
            );
            context.expand("vocab").unwrap().as_str().to_owned()
        };
        // v1.6 and those before did not define the term, so the name is the consumer's.
        for version in ["-v1.3", "-v1.4", "-v1.5", "-v1.6"] {
            assert_eq!(vocab(&[version]), "urn:x:vocab", "{version}");
        }
        for versions in [
            &["-v1.7"][..],
            &["-v1.8"],
            &["-v1.9"],
            &[""],
            &[],
            &["-v1.6", "-v1.9"],
            &["-v1.8", "-v1.6"],
        ] {
            assert_eq!(vocab(versions), "https://uri.etsi.org/ngsi-ld/hasVocab", "{versions:?}");
        }
    }

    #[test]
    fn each_version_has_what_came_with_it() {
        let defines = |version, term: &str| {
            let meaning = Context::core_of(version).expand(term).unwrap();
            !meaning.as_str().starts_with(crate::context::DEFAULT_VOCABULARY)
        };
        for (term, since) in [
            ("datasetId", CoreVersion::V1_3),
            ("avg", CoreVersion::V1_4),
            ("languageMap", CoreVersion::V1_5),
            ("deletedAt", CoreVersion::V1_6),
            ("vocab", CoreVersion::V1_7),
        ] {
            for version in CoreVersion::ALL {
                assert_eq!(defines(version, term), version >= since, "{term} in {version:?}");
            }
        }
    }

    #[test]
    fn a_version_that_a_document_of_others_names_changes_nothing() {
        let url = "https://x.example/c.jsonld";
        let document =
            r#"{"@context": ["https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.6.jsonld", {"a": "urn:x:a"}]}"#;
        let context = Context::builder()
            .reference(url)
            .remote(url, document)
            .unwrap()
            .build()
            .unwrap();
        assert_eq!(
            context.expand("json").unwrap().as_str(),
            "https://uri.etsi.org/ngsi-ld/hasJSON"
        );
    }
}
