//! The text of a place in a list, which a `next` link carries, so that a walk never begins anew.
//!
//! It is sealed with a key of this process and bound to who asked, the question and the revision: it tells nothing of what is
//! hidden, leads nobody else anywhere, and none that was made up is taken.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kakehashi_core::consumer::Consumer;
use kakehashi_federation::Question;
use kakehashi_federation::pages::known_list::ListId;
use kakehashi_federation::pages::place::Place;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

use crate::problem::{ErrorType, Problem};

/// The key of this process; `None`: the system gives no random numbers, and lists are walked by offsets.
static KEY: LazyLock<Option<LessSafeKey>> = LazyLock::new(|| {
    let mut key = [0; 32];
    SystemRandom::new().fill(&mut key).ok()?;
    let key = UnboundKey::new(&CHACHA20_POLY1305, &key).ok()?;
    Some(LessSafeKey::new(key))
});

/// Bytes of a place.
const PLACE: usize = 5 * size_of::<u64>();

/// What a cursor is good for: the list that one consumer gets as the answer to one question, by the rules of one revision.
pub(super) struct Walked(ListId);

impl Walked {
    /// The list of a question.
    pub(super) fn of(question: &Question, consumer: &Consumer, revision: &str) -> Self {
        Self(ListId::of(question, consumer, revision))
    }

    /// The cursor that leads to a place of it.
    pub(super) fn sealed(&self, place: Place) -> Option<String> {
        let key = KEY.as_ref()?;
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let Place {
            source,
            part,
            position,
            skipped,
            completed,
        } = place;
        let numbers = [source, part, position, skipped, completed];
        let mut text: Vec<u8> = numbers
            .iter()
            .flat_map(|number| (*number as u64).to_le_bytes())
            .collect();
        let bound = Aad::from(&self.0.0);
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), bound, &mut text)
            .ok()?;
        Some(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &text].concat()))
    }

    /// The place that a cursor leads to.
    ///
    /// # Errors
    /// A problem, where it is none of this list.
    pub(super) fn opened(&self, cursor: &str) -> Result<Place, Problem> {
        self.open(cursor).ok_or_else(|| {
            let detail = "parameter `cursor`: it was not made for this question, by this consumer and under the rules that hold \
                          now; without it the list goes on at `offset`";
            Problem::new(ErrorType::BadRequestData, detail)
        })
    }

    fn open(&self, cursor: &str) -> Option<Place> {
        let mut bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (nonce, text) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let text = KEY.as_ref()?.open_in_place(nonce, Aad::from(&self.0.0), text).ok()?;
        let text: &[u8; PLACE] = (&*text).try_into().ok()?;
        let mut numbers = text.chunks_exact(size_of::<u64>()).map(|number| {
            let number = u64::from_le_bytes(number.try_into().ok()?);
            usize::try_from(number).ok()
        });
        let mut next = || numbers.next().flatten();
        Some(Place {
            source: next()?,
            part: next()?,
            position: next()?,
            skipped: next()?,
            completed: next()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE_OF_TESTS: Place = Place {
        source: 3,
        part: 1,
        position: 150_000,
        skipped: 7,
        completed: 3_000,
    };

    #[test]
    fn a_cursor_leads_to_its_place_and_tells_nothing() {
        let list = Walked(ListId([7; 32]));
        let [one, other] = [(), ()].map(|()| list.sealed(PLACE_OF_TESTS).unwrap());
        assert_ne!(one, other, "the same place looks different each time");
        assert_eq!(list.opened(&one).unwrap(), PLACE_OF_TESTS);
        assert_eq!(list.opened(&other).unwrap(), PLACE_OF_TESTS);
        assert_eq!(
            one.len(),
            list.sealed(Place::default()).unwrap().len(),
            "nor does its length tell"
        );
    }

    #[test]
    fn no_cursor_of_another_list_is_taken_nor_one_that_was_changed() {
        let list = Walked(ListId([7; 32]));
        let cursor = list.sealed(PLACE_OF_TESTS).unwrap();
        assert!(Walked(ListId([8; 32])).opened(&cursor).is_err());
        let mut bytes = URL_SAFE_NO_PAD.decode(&cursor).unwrap();
        for place in 0..bytes.len() {
            bytes[place] ^= 1;
            assert!(list.opened(&URL_SAFE_NO_PAD.encode(&bytes)).is_err(), "byte {place}");
            bytes[place] ^= 1;
        }
        for text in [
            "",
            "a",
            "%%%",
            cursor.strip_suffix(|_: char| true).unwrap(),
            &format!("{cursor}AAAA"),
            &"A".repeat(10_000),
        ] {
            assert!(list.opened(text).is_err(), "{text}");
        }
    }
}
