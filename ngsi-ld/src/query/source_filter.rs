//! `csf`, the context source filter (clauses 4.9 and 5.7.2): a `q` over the members of a registration (Table 5.2.9-1).
//!
//! Its names are those of JSON members: they are not expanded. `query::evaluate` says what it means.

use super::SyntaxError;
use super::cursor::Cursor;
use super::q::{Expand, Expression, Extent, ValueExpansion, read};
use crate::{AttributeName, Iri, TypeName};

/// A condition on what a context source was registered with.
#[derive(Debug, Clone, PartialEq)]
pub struct ContextSourceFilter {
    expression: Expression,
}

impl ContextSourceFilter {
    /// Reads a `csf`.
    ///
    /// # Errors
    /// [`SyntaxError`] at the first place where the text leaves the grammar of clause 4.9 or a limit of a `q`, or where
    /// it would follow a Relationship: registrations have none.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let names = Expand {
            attribute: &|name| Some(AttributeName::new(Iri::new(name))),
            r#type: &|name| Some(TypeName::new(Iri::new(name))),
            value: &|_| None,
        };
        let expression = read(text, &names, &ValueExpansion::default(), Extent::Part)?;
        if expression.link_depth() > 0 {
            let mut cursor = Cursor::new(text);
            cursor.take_while(|character| character != '{');
            return Err(cursor.expected("no `{`: a registration has no Relationships to follow"));
        }
        Ok(Self { expression })
    }

    /// The condition. Its attributes are names of members, as they are.
    #[must_use]
    pub fn expression(&self) -> &Expression {
        &self.expression
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::Json;

    const REGISTRATION: &str = r#"{
        "id": "urn:ngsi-ld:ContextSourceRegistration:sano-safe-map",
        "type": "ContextSourceRegistration",
        "registrationName": "佐野市 安全マップ",
        "endpoint": "https://sano.example.jp/ngsi-ld",
        "mode": "inclusive",
        "expiresAt": "2027-03-31T15:00:00.5Z",
        "timesSent": 120,
        "scope": ["/disaster/sites", "/open"],
        "contextSourceInfo": [{"key": "region", "value": "kanto"}, {"key": "Authorization", "value": "x"}],
        "management": {"localOnly": true, "timeout": 500},
        "information": [
            {"entities": [{"type": "EvacuationSite"}, {"type": "AED"}]},
            {"entities": [{"type": "WeatherObserved", "idPattern": "^urn:x"}], "propertyNames": ["name"]}
        ]
    }"#;

    fn matches(filter: &str) -> bool {
        let registration = Json::parse(REGISTRATION).unwrap();
        let filter = ContextSourceFilter::parse(filter).unwrap_or_else(|error| panic!("{filter}: {error}"));
        filter.matches(&registration)
    }

    #[test]
    fn members_of_a_registration_are_compared_as_those_of_an_entity() {
        for filter in [
            "registrationName",
            r#"registrationName~=佐野.*;mode=="inclusive""#,
            "endpoint==https://sano.example.jp/ngsi-ld",
            r#"id=="urn:ngsi-ld:ContextSourceRegistration:sano-safe-map""#,
            "expiresAt>2027-03-31T15:00:00Z",
            "expiresAt==2027-01-01T00:00:00Z..2027-12-31T00:00:00Z",
            "timesSent>=120;timesFailed==1|timesSent<200",
            r#"scope=="/open""#,
            r#"scope!="/closed""#,
            "management[localOnly]==true",
            "management.timeout<1000",
            r#"information.entities.type=="AED""#,
            r#"information[propertyNames]=="name""#,
            r#"contextSourceInfo.value=="kanto""#,
        ] {
            assert!(matches(filter), "{filter}");
        }
        for filter in [
            "description",
            "description!=1",
            r#"mode=="exclusive""#,
            "expiresAt<2027-03-31T15:00:00Z",
            r#"expiresAt=="2027-03-31T15:00:00.5Z""#,
            r#"timesSent=="120""#,
            "management.timeout.x",
            r#"information.entities.type=="Resident""#,
        ] {
            assert!(!matches(filter), "{filter}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_position() {
        for (filter, position) in [
            ("", 0),
            ("mode=inclusive", 4),
            ("mode==inclusive", 6),
            ("a;b{c}", 3),
            ("-a", 0),
        ] {
            assert_eq!(
                ContextSourceFilter::parse(filter).expect_err(filter).position,
                position,
                "{filter}"
            );
        }
    }
}
