//! An answer, and what tests want to know of it.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use stand_ins::server::UPSTREAM_TEXT;

/// One whole answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// What was asked, for messages.
    pub(crate) asked: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) took: Duration,
}

/// The problem details of a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) kind: String,
    pub(crate) detail: String,
}

impl Answer {
    /// The answer, which must be a success.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{self}");
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// The entities of a list.
    #[track_caller]
    pub(crate) fn entities(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{self}");
        match self.json() {
            Value::Array(entities) => entities,
            other => panic!("no list: {other}"),
        }
    }

    /// The ids of a list, in its order.
    #[track_caller]
    pub(crate) fn ids(&self) -> Vec<String> {
        self.entities()
            .iter()
            .map(|entity| entity["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// All values of a header.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers
            .get_all(name)
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect()
    }

    /// `NGSILD-Results-Count`
    #[track_caller]
    pub(crate) fn count(&self) -> usize {
        let count = self
            .header("ngsild-results-count")
            .unwrap_or_else(|| panic!("no count: {self}"));
        count.parse().unwrap()
    }

    /// `NGSILD-Warning`, every one. No upstream's text ever stands in it.
    pub(crate) fn warnings(&self) -> Vec<&str> {
        self.all("ngsild-warning")
    }

    /// The target of the page link with that relation.
    pub(crate) fn link(&self, relation: &str) -> Option<String> {
        let wanted = format!("rel=\"{relation}\"");
        self.all("link")
            .into_iter()
            .flat_map(|value| value.split(", "))
            .find(|link| link.contains(&wanted))
            .map(|link| {
                let target = link.split_once('>').unwrap().0;
                target.trim_start_matches('<').to_owned()
            })
    }

    /// The problem details, which must be well formed: media type `application/json`, all members of RFC 7807.
    #[track_caller]
    pub(crate) fn problem(&self) -> Problem {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self}");
        let body = self.json();
        let member = |name: &str| {
            body[name]
                .as_str()
                .unwrap_or_else(|| panic!("no {name}: {self}"))
                .to_owned()
        };
        assert_eq!(body["status"], self.status, "{self}");
        assert!(!member("title").is_empty(), "{self}");
        Problem {
            kind: member("type"),
            detail: member("detail"),
        }
    }

    /// The last part of the problem's type, such as `BadRequestData`.
    #[track_caller]
    pub(crate) fn error_type(&self) -> String {
        let kind = self.problem().kind;
        kind.strip_prefix("https://uri.etsi.org/ngsi-ld/errors/")
            .unwrap_or(&kind)
            .to_owned()
    }

    /// Nothing of what upstreams say to their own people is in it.
    #[track_caller]
    pub(super) fn hides_upstreams(self) -> Self {
        for part in UPSTREAM_TEXT
            .split(' ')
            .chain(["half a na", "Maintenance"])
            .filter(|part| part.len() > 5)
        {
            assert!(!self.everything().contains(part), "an upstream's text shows: {self}");
        }
        self
    }

    /// No personal value is in it. The message does not repeat what it found.
    #[track_caller]
    pub(super) fn hides_persons(self) -> Self {
        let shown = super::scan().first(self.everything().as_bytes());
        assert_eq!(shown, None, "a personal value shows in the answer to {}", self.asked);
        self
    }

    /// Headers and body.
    pub(crate) fn everything(&self) -> String {
        let headers: String = self
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        format!("{headers}{}", String::from_utf8_lossy(&self.body))
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body: String = String::from_utf8_lossy(&self.body).chars().take(600).collect();
        write!(f, "{} -> {} {:?} {body}", self.asked, self.status, self.headers)
    }
}

/// The names of an entity's members, sorted.
pub(crate) fn members(entity: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = entity.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}
