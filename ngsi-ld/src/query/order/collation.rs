//! How texts are ordered: a language tag with the `-u-` extensions of RFC 6067, and the collator that it stands for.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use compact_str::{CompactString, ToCompactString};
use icu_collator::options::{AlternateHandling, CaseLevel, CollatorOptions, MaxVariable, Strength};
use icu_collator::preferences::CollationType;
use icu_collator::{CollatorBorrowed, CollatorPreferences};
use icu_locale_core::Locale;

/// The root collation, which `und-x-icu` names, too: the default of clause 4.23.1.
const ROOT: &str = "und";

/// Longest tag, in bytes: the longest that BCP 47 has in mind (RFC 5646 section 4.4.1) is 35 characters, and
/// extensions may double it.
const MAX_TAG_BYTES: usize = 128;

/// Why a text is no collation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCollation {
    /// No language tag.
    #[error("not a language tag of BCP 47 as RFC 6067 extends it, like `ja` or `de-u-co-phonebk`")]
    Tag,
    /// A setting that has no such value.
    #[error("the setting `{key}` of RFC 6067 has no such value; it takes {expected}")]
    Value {
        /// The key, two letters.
        key: CompactString,
        /// Its values.
        expected: &'static str,
    },
    /// A setting that is not offered.
    #[error("the setting `{key}` of RFC 6067 is not supported")]
    Unsupported {
        /// The key, two letters.
        key: CompactString,
    },
    /// A collation without data here.
    #[error("no such collation is known here")]
    Unknown,
}

/// A collation and what compares by it.
#[derive(Clone)]
pub(super) struct Collation {
    tag: CompactString,
    collator: Arc<CollatorBorrowed<'static>>,
}

impl Collation {
    pub(super) fn root() -> Result<Self, InvalidCollation> {
        Self::parse(ROOT)
    }

    pub(super) fn parse(tag: &str) -> Result<Self, InvalidCollation> {
        if tag.len() > MAX_TAG_BYTES {
            return Err(InvalidCollation::Tag);
        }
        let locale = Locale::from_str(tag).map_err(|_| InvalidCollation::Tag)?;
        let options = options(&locale)?;
        let preferences = CollatorPreferences::from(&locale);
        let collator = CollatorBorrowed::try_new(preferences, options).map_err(|_| InvalidCollation::Unknown)?;
        Ok(Self {
            tag: locale.to_compact_string(),
            collator: Arc::new(collator),
        })
    }

    pub(super) fn compare(&self, a: &str, b: &str) -> Ordering {
        self.collator.compare(a, b)
    }
}

/// The settings that the tag makes by itself (Unicode TS 35, part 5, section 3.3). Those of `co`, `kf` and `kn` are
/// read from the locale where the collator is made; they are checked here all the same, because a value that is not
/// known would pass there unseen.
fn options(locale: &Locale) -> Result<CollatorOptions, InvalidCollation> {
    let mut options = CollatorOptions::default();
    for (key, value) in locale.extensions.unicode.keywords.iter() {
        let text = value.to_compact_string();
        // A value `true` is left out in the canonical form.
        let is_true = text.is_empty() || text == "true";
        let wrong = |expected| InvalidCollation::Value {
            key: key.as_str().into(),
            expected,
        };
        match key.as_str() {
            "ks" => {
                options.strength = Some(match text.as_str() {
                    "level1" | "primary" => Strength::Primary,
                    "level2" | "secondary" => Strength::Secondary,
                    "level3" | "tertiary" => Strength::Tertiary,
                    "level4" | "quaternary" | "quarternary" => Strength::Quaternary,
                    "identic" | "identical" => Strength::Identical,
                    _ => return Err(wrong("level1, level2, level3, level4 or identic")),
                });
            }
            "ka" => {
                options.alternate_handling = Some(match text.as_str() {
                    "noignore" => AlternateHandling::NonIgnorable,
                    "shifted" => AlternateHandling::Shifted,
                    _ => return Err(wrong("noignore or shifted")),
                });
            }
            "kv" => {
                options.max_variable = Some(match text.as_str() {
                    "space" => MaxVariable::Space,
                    "punct" => MaxVariable::Punctuation,
                    "symbol" => MaxVariable::Symbol,
                    "currency" => MaxVariable::Currency,
                    _ => return Err(wrong("space, punct, symbol or currency")),
                });
            }
            "kc" => {
                options.case_level = Some(match text.as_str() {
                    "false" => CaseLevel::Off,
                    _ if is_true => CaseLevel::On,
                    _ => return Err(wrong("true or false")),
                });
            }
            // Texts are compared as if they were normalized, whatever is asked for.
            "kk" | "kn" if !is_true && text != "false" => return Err(wrong("true or false")),
            "kf" if !matches!(text.as_str(), "upper" | "lower" | "false") => {
                return Err(wrong("upper, lower or false"));
            }
            "co" if CollationType::try_from(value).is_err() => {
                return Err(wrong("one of those of Unicode TS 35, like phonebk or standard"));
            }
            "kb" if text != "false" => return Err(InvalidCollation::Unsupported { key: "kb".into() }),
            key @ ("kr" | "kh" | "vt") => return Err(InvalidCollation::Unsupported { key: key.into() }),
            // The others are about calendars, numbers and the like.
            _ => {}
        }
    }
    Ok(options)
}

impl fmt::Debug for Collation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tag)
    }
}

impl PartialEq for Collation {
    fn eq(&self, other: &Self) -> bool {
        self.tag == other.tag
    }
}
