//! A condition on a change (RFC 9110 sections 13.1.1 and 13.1.2). It knows the entity as the one who writes sees it, and nothing
//! else, so that its answer tells nothing of what is hidden.

use std::sync::Arc;

use http::{HeaderMap, header};
use ngsi_ld::Entity;

use super::EntityTag;
use super::list::Tags;
use crate::problem::{ErrorType, Problem};

/// Decides, within the transaction of a change, whether it may be made: of the entity as its writer sees it before the change,
/// `None` where it sees none.
pub type Check = Arc<dyn Fn(Option<&Entity>) -> bool + Send + Sync>;

/// What a change is made on the condition of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    if_match: Option<Expected>,
    if_none_match: Option<Expected>,
}

/// What a header expects the entity to be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Expected {
    /// `*`: there is one.
    Any,
    /// It is as one of these says.
    One(Vec<EntityTag>),
}

impl Condition {
    /// That of a request that changes something; `None`: it has none.
    ///
    /// # Errors
    /// 400 where a header is no list of tags.
    pub fn of_change(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        // A weak tag never matches (section 13.1.1): it is of what is about the same.
        let if_match = Tags::of(headers, &header::IF_MATCH)?.map(|tags| Expected::by(&tags, false));
        let if_none_match = Tags::of(headers, &header::IF_NONE_MATCH)?.map(|tags| Expected::by(&tags, true));
        let condition = Self {
            if_match,
            if_none_match,
        };
        Ok((condition.if_match.is_some() || condition.if_none_match.is_some()).then_some(condition))
    }

    /// Whether it is met by an entity as the consumer sees it.
    #[must_use]
    pub fn is_met(&self, consumer: &str, seen: Option<&Entity>) -> bool {
        let is = |expected: &Expected| match (expected, seen) {
            (_, None) => false,
            (Expected::Any, Some(_)) => true,
            (Expected::One(tags), Some(seen)) => EntityTag::of(consumer, seen).is_some_and(|tag| tags.contains(&tag)),
        };
        self.if_match.as_ref().is_none_or(is) && !self.if_none_match.as_ref().is_some_and(is)
    }

    /// Whether it asks for an entity that is there and for none.
    fn is_never_met(&self) -> bool {
        self.if_match.is_some() && self.if_none_match == Some(Expected::Any)
    }

    /// The same, as the transaction that makes the change asks for it.
    #[must_use]
    pub fn into_check(self, consumer: &str) -> Check {
        let consumer: Arc<str> = Arc::from(consumer);
        Arc::new(move |seen| self.is_met(&consumer, seen))
    }

    /// What is told where it is not met. It says of the entity what its writer has said itself, and no more.
    #[must_use]
    pub fn unmet(&self) -> Problem {
        if self.is_never_met() {
            let detail = "headers `If-Match` and `If-None-Match: *`: no entity meets both; nothing was changed. Send `If-Match` to \
                          change an entity that is there, or `If-None-Match: *` to create one";
            return Problem::new(ErrorType::PreconditionFailed, detail);
        }
        if self.if_match.is_some() && matches!(self.if_none_match, Some(Expected::One(_))) {
            let detail = "headers `If-Match` and `If-None-Match`: the entity does not meet both; nothing was changed. Read it again, \
                          and send `If-Match` alone";
            return Problem::new(ErrorType::PreconditionFailed, detail);
        }
        let detail = match (&self.if_match, &self.if_none_match) {
            (None, Some(Expected::Any)) => {
                "header `If-None-Match`: there is an entity of that id already; nothing was changed. Leave the header out to change \
                 it, or give another id"
            }
            (None, _) => "header `If-None-Match`: the entity is as one of these tags says; nothing was changed",
            (Some(Expected::Any), _) => {
                "header `If-Match`: there is no entity of that id for you to change; nothing was changed. Leave the header out to create it"
            }
            (Some(Expected::One(_)), _) => {
                "header `If-Match`: the entity that is to be changed is not as these tags say; nothing was changed. It was changed in \
                 between, or the gateway was started anew, or what you have read has parts in other sources, which a change does \
                 not reach: read it again with the header NGSILD-Tenant and `local=true`, and repeat the change with the new ETag"
            }
        };
        Problem::new(ErrorType::PreconditionFailed, detail)
    }
}

impl Expected {
    /// What a list of tags expects. Tags that are of no one entity match none.
    fn by(tags: &Tags<'_>, or_weak: bool) -> Self {
        match tags {
            Tags::Any => Self::Any,
            Tags::These(tags) => {
                let of_entities = tags.iter().filter(|tag| or_weak || !tag.is_weak);
                Self::One(of_entities.filter_map(|tag| EntityTag::in_tag(tag.opaque)).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::super::tests::entity;
    use super::*;

    fn condition(lines: &[(header::HeaderName, &str)]) -> Result<Option<Condition>, Problem> {
        let lines = lines
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
        Condition::of_change(&lines.collect())
    }

    #[test]
    fn a_change_is_made_where_the_entity_is_as_it_is_said_to_be() {
        let (old, new) = (entity(1), entity(2));
        let mut tag = String::from("\"answer");
        EntityTag::of("a", &old).unwrap().write(&mut tag);
        tag.push_str(".gzip\"");
        let (weak, listed) = (format!("W/{tag}"), format!("\"other\", {tag}"));
        let (if_match, if_none_match) = (header::IF_MATCH, header::IF_NONE_MATCH);
        for (name, value, as_old, as_new, as_none) in [
            (&if_match, tag.as_str(), true, false, false),
            (&if_match, &listed, true, false, false),
            (&if_match, &weak, false, false, false),
            (&if_match, "*", true, true, false),
            (&if_match, "\"other\"", false, false, false),
            (&if_none_match, &tag, false, true, true),
            (&if_none_match, &weak, false, true, true),
            (&if_none_match, "*", false, false, true),
            (&if_none_match, "\"other\"", true, true, true),
        ] {
            let check = condition(&[(name.clone(), value)]).unwrap().unwrap().into_check("a");
            let met = [check(Some(&old)), check(Some(&new)), check(None)];
            assert_eq!(met, [as_old, as_new, as_none], "{name}: {value}");
        }
        let both = condition(&[(if_match.clone(), "*"), (if_none_match.clone(), &tag)])
            .unwrap()
            .unwrap();
        assert!(!both.is_met("a", Some(&old)) && both.is_met("a", Some(&new)) && !both.is_met("a", None));
        assert!(both.unmet().detail.contains("does not meet both"));
        let never = condition(&[(if_match.clone(), "*"), (if_none_match, "*")])
            .unwrap()
            .unwrap();
        assert!(!never.is_met("a", Some(&old)) && !never.is_met("a", None));
        assert!(never.unmet().detail.contains("no entity meets both"));
        let of_another = condition(&[(if_match.clone(), &tag)]).unwrap().unwrap();
        assert!(!of_another.is_met("b", Some(&old)), "a tag is of one consumer");
        assert_eq!(of_another.unmet().error_type, ErrorType::PreconditionFailed);
        assert_eq!(condition(&[]).unwrap(), None);
        let malformed = condition(&[(if_match, "unquoted")]).unwrap_err();
        assert_eq!(malformed.error_type, ErrorType::InvalidRequest);
    }
}
