//! What a tag of an entity says of it, and the conditions that somebody puts on a change by naming tags (RFC 9110 sections 8.8.3
//! and 13.1). A tag of an answer that shows one entity has two parts: the first is of what is sent, the second of all that the
//! consumer sees of the entity, however it is shown. The second is what a change is compared with, within the transaction that
//! makes it. Both are keyed digests, with a key of the process and the consumer's name: without the key nobody can make one or try
//! what was shown, and two consumers never find out by their tags that they were shown the same. They end with the process.

mod condition;
mod list;

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use highway::{HighwayHash, HighwayHasher, Key};
use ngsi_ld::Entity;
use ngsi_ld::entity::render::write_canonical;
use ring::rand::{SecureRandom, SystemRandom};

pub use condition::{Check, Condition};
pub use list::{Named, Tags};

/// The key of this process, from which each consumer's is made; `None`: the system gives no random numbers, and nothing has a
/// tag.
static KEY: LazyLock<Option<Key>> = LazyLock::new(|| {
    let mut parts = [0; 4];
    for part in &mut parts {
        let mut bytes = [0; size_of::<u64>()];
        SystemRandom::new().fill(&mut bytes).ok()?;
        *part = u64::from_ne_bytes(bytes);
    }
    Some(Key(parts))
});

/// What a digest is of, so that none of one thing is one of another.
#[derive(Debug, Clone, Copy)]
pub enum Of {
    /// An answer.
    Answer,
    /// An entity, as somebody sees it.
    Entity,
}

/// Begins a digest with a consumer's key. HighwayHash with a key is a pseudorandom function, which is what a tag needs: without the
/// key it can neither be made nor be compared with a guess. Of a list it takes a hundredth of what making the list takes.
pub fn keyed(consumer: &str, of: Of) -> Option<HighwayHasher> {
    let mut of_consumer = HighwayHasher::new((*KEY)?);
    // No name of a consumer has such a byte.
    of_consumer.append(match of {
        Of::Answer => &[],
        Of::Entity => &[0],
    });
    of_consumer.append(consumer.as_bytes());
    Some(HighwayHasher::new(Key(of_consumer.finalize256())))
}

/// Bytes that the canonical form of an entity usually has, so that its buffer is made once.
const EXPECTED_CANONICAL_BYTES: usize = 2048;

/// The largest entity that has a tag, by what it takes in memory: twice what the largest body makes that somebody usually may send.
/// It is digested in one go, in some milliseconds.
const LARGEST_TAGGED: usize = 8 * 1024 * 1024;

/// What stands before the part that is of the entity.
pub const BEFORE_ENTITY: u8 = b':';

/// Characters of that part: 128 bits in base64.
const ENTITY_CHARACTERS: usize = 22;

/// The part of a tag that is of an entity: the same whichever representation, selection, @context and coding somebody is sent
/// it in, and another as soon as something is changed that the consumer sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntityTag([u8; 16]);

impl EntityTag {
    /// That of an entity as a consumer sees it: everything of it that the policies grant to it for retrieving it, and nothing else.
    /// `None`: nothing has a tag,
    /// or it is too large for one.
    #[must_use]
    pub fn of(consumer: &str, seen: &Entity) -> Option<Self> {
        if seen.weight() > LARGEST_TAGGED {
            return None;
        }
        let mut digesting = keyed(consumer, Of::Entity)?;
        let mut canonical = Vec::with_capacity(EXPECTED_CANONICAL_BYTES);
        write_canonical(seen, &mut canonical);
        digesting.append(&canonical);
        let [low, high] = digesting.finalize128();
        Some(Self((u128::from(low) | (u128::from(high) << u64::BITS)).to_le_bytes()))
    }

    /// Appends it to the tag of an answer.
    pub fn write(self, tag: &mut String) {
        tag.push(char::from(BEFORE_ENTITY));
        URL_SAFE_NO_PAD.encode_string(self.0, tag);
    }

    /// That of a tag, without its quotes, that was given to somebody; what follows says the coding of the answer. `None`: it was
    /// of no one entity.
    fn in_tag(tag: &[u8]) -> Option<Self> {
        let at = tag.iter().position(|byte| *byte == BEFORE_ENTITY)?;
        let part = tag.get(at.checked_add(1)?..)?.get(..ENTITY_CHARACTERS)?;
        let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use ngsi_ld::context::Context;
    use ngsi_ld::entity::parse::parse_entity;

    use super::*;

    pub(super) fn entity(value: u32) -> Entity {
        let json = format!(r#"{{"id": "urn:ngsi-ld:AED:1", "type": "AED", "a": {value}, "b": 1}}"#);
        parse_entity(json.as_bytes(), Context::core()).unwrap()
    }

    #[test]
    fn an_entity_has_one_tag_for_each_consumer_and_each_state() {
        let first = EntityTag::of("a", &entity(1)).unwrap();
        assert_eq!(EntityTag::of("a", &entity(1)), Some(first));
        assert_ne!(EntityTag::of("a", &entity(2)), Some(first));
        assert_ne!(EntityTag::of("b", &entity(1)), Some(first));
    }

    #[test]
    fn it_is_found_in_the_tag_of_whatever_answer_shows_it() {
        let part = EntityTag::of("a", &entity(1)).unwrap();
        let mut tag = String::from("AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(EntityTag::in_tag(tag.as_bytes()), None);
        part.write(&mut tag);
        for ending in ["", ".gzip", ".br", "-gzip"] {
            assert_eq!(EntityTag::in_tag(format!("{tag}{ending}").as_bytes()), Some(part));
        }
        for broken in [":", "", ":AAAA", "AAAAAAAAAAAAAAAAAAAAAA:!!!!!!!!!!!!!!!!!!!!!!"] {
            assert_eq!(EntityTag::in_tag(broken.as_bytes()), None, "{broken}");
        }
    }
}
