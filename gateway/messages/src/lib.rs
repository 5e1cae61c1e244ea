//! What people are told, in their language. English stands in the code, where a reader needs it, and is the one source;
//! Japanese stands in the catalogues of `ja/`, whose `msgid` is the English as it stands in the code. A text is looked up
//! when it is told: the template is found that it was made from, and the Japanese takes over what the text has in the
//! template's gaps. What is in no catalogue stays English. See `docs/decisions/messages-in-japanese.md`.
//!
//! | module | owns |
//! |---|---|
//! | [`language`] | which language somebody is told in |
//! | [`template`] | a message with gaps, and whether a text was made from it |
//! | `catalogue` | the messages and their Japanese, as PO files |
//! | `lookup` | a text in Japanese |

mod catalogue;
pub mod language;
mod lookup;
pub mod template;

use std::borrow::Cow;

pub use catalogue::{CATALOGUES, Message, messages_of};
pub use language::Language;
pub use lookup::in_japanese;

impl Language {
    /// An English text as it is told in this language.
    #[must_use]
    pub fn of(self, english: &str) -> Cow<'_, str> {
        match self {
            Self::English => Cow::Borrowed(english),
            Self::Japanese => in_japanese(english),
        }
    }
}
