//! The language filter `lang`: which text of a LanguageProperty a consumer is shown (clauses 4.15, 5.7.1.5 and
//! 5.7.2.5).
//!
//! The filter is written like `Accept-Language` (RFC 3282): language ranges with weights. A range is looked for as
//! RFC 4647 does: the tag itself, then a tag that is more special (`fr` takes `fr-CH`), then a tag that is more
//! general (`fr-CH` takes `fr`). It knows no HTTP.

use compact_str::CompactString;

use super::LanguageMap;

/// Most language ranges of one filter. Browsers send fewer than ten.
pub const MAX_LANGUAGE_RANGES: usize = 32;

/// The key of the text that is not of a particular language (clause 4.6.5).
const DEFAULT_LANGUAGE: &str = "@none";

/// `fr-CH,fr;q=0.9,*;q=0.5`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LanguageFilter {
    /// The most wanted first; of equal ones, as they were written.
    ranges: Vec<Range>,
    /// Ranges of weight 0, in lower case.
    unwanted: Vec<CompactString>,
}

/// A language range that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Range {
    /// `*`
    Any,
    /// In lower case.
    Tag(CompactString),
}

/// Why a text is no language filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("at position {position}: {fault}")]
pub struct InvalidLanguageFilter {
    /// Characters before the range that is wrong, counted from 0.
    pub position: usize,
    /// What is wrong with it.
    pub fault: LanguageFault,
}

/// What is wrong with a language range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LanguageFault {
    /// Neither `*` nor the form of RFC 5646.
    #[error("expected a language tag of RFC 5646, or *")]
    Tag,
    /// No weight of RFC 9110 section 12.4.2.
    #[error("expected a weight like q=0.8: 0 to 1, at most three decimals")]
    Weight,
    /// More than [`MAX_LANGUAGE_RANGES`].
    #[error("more than {MAX_LANGUAGE_RANGES} languages")]
    TooMany,
}

impl LanguageFilter {
    /// Reads a filter.
    ///
    /// # Errors
    /// [`InvalidLanguageFilter`] names the position and what is wrong there.
    //= 4.15-1
    pub fn parse(text: &str) -> Result<Self, InvalidLanguageFilter> {
        let mut weighted = Vec::new();
        let mut unwanted = Vec::new();
        let mut position = 0;
        for (index, part) in text.split(',').enumerate() {
            let fail = |fault| InvalidLanguageFilter { position, fault };
            if index == MAX_LANGUAGE_RANGES {
                return Err(fail(LanguageFault::TooMany));
            }
            let (range, weight) = part.split_once(';').unwrap_or((part, "q=1"));
            let range = range.trim().to_ascii_lowercase();
            let weight = read_weight(weight).ok_or_else(|| fail(LanguageFault::Weight))?;
            let range = match range.as_str() {
                "*" => Range::Any,
                tag if is_language_tag(tag) => Range::Tag(tag.into()),
                _ => return Err(fail(LanguageFault::Tag)),
            };
            match range {
                Range::Tag(tag) if weight == 0 => unwanted.push(tag),
                // "Anything but" says nothing that the order of the others does not.
                Range::Any if weight == 0 => {}
                range => weighted.push((weight, range)),
            }
            position += part.chars().count() + 1;
        }
        weighted.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        Ok(Self {
            ranges: weighted.into_iter().map(|(_, range)| range).collect(),
            unwanted,
        })
    }

    /// The tag and the texts that are shown of a LanguageProperty. When no range finds any, it is the text of
    /// `@none`, else the first one; `None` only for an empty map.
    #[must_use]
    //= 4.15-2, 5.7.1.5-2, 5.7.2.5-4
    pub fn choose<'m>(&self, map: &'m LanguageMap) -> Option<(&'m str, &'m [CompactString])> {
        let entry = |(tag, texts): &'m (CompactString, _)| (tag.as_str(), texts_of(texts));
        let of_tag = |tag: &str| map.iter().find(|(other, _)| other.eq_ignore_ascii_case(tag)).map(entry);
        let any = || {
            let acceptable = |(tag, _): &&(CompactString, _)| !self.is_unwanted(tag);
            of_tag(DEFAULT_LANGUAGE).or_else(|| map.iter().find(acceptable).map(entry))
        };
        let chosen = self.ranges.iter().find_map(|range| match range {
            Range::Any => any(),
            Range::Tag(tag) => self.look_up(tag, map, &of_tag),
        });
        chosen.or_else(any).or_else(|| map.first().map(entry))
    }

    fn look_up<'m>(
        &self,
        range: &str,
        map: &'m LanguageMap,
        of_tag: &impl Fn(&str) -> Option<Choice<'m>>,
    ) -> Option<Choice<'m>> {
        let more_special = || {
            let matching = |(tag, _): &&'m (CompactString, _)| is_within(tag, range) && !self.is_unwanted(tag);
            map.iter()
                .find(matching)
                .map(|(tag, texts)| (tag.as_str(), texts_of(texts)))
        };
        of_tag(range).or_else(more_special).or_else(|| {
            // RFC 4647 section 3.4: from the end, subtag by subtag; a single letter goes with what follows it.
            let mut general = range;
            while let Some((shorter, _)) = general.rsplit_once('-') {
                general = match shorter.rsplit_once('-') {
                    Some((before, singleton)) if singleton.len() == 1 => before,
                    _ => shorter,
                };
                if let Some(found) = of_tag(general).filter(|(tag, _)| !self.is_unwanted(tag)) {
                    return Some(found);
                }
            }
            None
        })
    }

    fn is_unwanted(&self, tag: &str) -> bool {
        self.unwanted
            .iter()
            .any(|range| tag.eq_ignore_ascii_case(range) || is_within(tag, range))
    }
}

/// A tag and its texts.
type Choice<'m> = (&'m str, &'m [CompactString]);

fn texts_of(texts: &smallvec::SmallVec<[CompactString; 1]>) -> &[CompactString] {
    texts
}

/// Whether a tag is the range with further subtags (RFC 4647 section 3.3.1).
fn is_within(tag: &str, range: &str) -> bool {
    tag.split_at_checked(range.len())
        .is_some_and(|(start, rest)| start.eq_ignore_ascii_case(range) && rest.starts_with('-'))
}

/// `q=0.8` in thousandths.
fn read_weight(text: &str) -> Option<u16> {
    let (name, value) = text.trim().split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, decimals) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    if !matches!(whole, "0" | "1") || decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{whole}{decimals:0<3}").parse().ok()?;
    (thousandths <= 1000).then_some(thousandths)
}

/// The form of RFC 5646 section 2.1: subtags of one to eight letters and digits, the first of letters alone.
#[must_use]
pub fn is_language_tag(text: &str) -> bool {
    let subtags = || text.split('-');
    let first_is_alphabetic = subtags()
        .next()
        .is_some_and(|first| first.bytes().all(|byte| byte.is_ascii_alphabetic()));
    first_is_alphabetic
        && subtags()
            .all(|subtag| (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chosen(filter: &str, tags: &[&str]) -> String {
        let map = tags
            .iter()
            .map(|tag| ((*tag).into(), smallvec::smallvec![CompactString::from("x")]))
            .collect();
        let filter = LanguageFilter::parse(filter).unwrap();
        filter.choose(&map).unwrap().0.to_owned()
    }

    #[test]
    //= 4.15-1
    fn the_text_that_is_wanted_most_is_chosen() {
        for (filter, tags, expected) in [
            ("en", &["fr", "en"][..], "en"),
            ("EN", &["fr", "en"], "en"),
            ("fr-CH,fr", &["fr", "fr-CH"], "fr-CH"),
            ("fr;q=0.5,en;q=0.8", &["fr", "en"], "en"),
            ("fr;q=0.8,en;q=0.800", &["en", "fr"], "fr"),
            // More special, and more general.
            ("fr", &["en", "fr-CH"], "fr-CH"),
            ("nl-BE", &["en", "nl"], "nl"),
            ("zh-Hant-TW", &["zh", "zh-Hant"], "zh-Hant"),
            ("de-x-a", &["en", "de"], "de"),
            ("fr", &["en", "fro"], "en"),
            // Nothing matches: the default, else any.
            ("ja", &["en", "@none"], "@none"),
            ("ja", &["en", "fr"], "en"),
            ("*", &["en", "@none"], "@none"),
            ("*", &["fr", "en"], "fr"),
            ("fr-CH,fr;q=0.9,en;q=0.8,*;q=0.5", &["de", "en"], "en"),
            ("fr-CH,fr;q=0.9,en;q=0.8,*;q=0.5", &["de", "it"], "de"),
            // Not wanted, unless there is nothing else.
            ("de;q=0,*", &["de-AT", "it"], "it"),
            ("en, de;q=0", &["de", "it"], "it"),
            ("de;q=0", &["de"], "de"),
            ("*;q=0, fr", &["en", "fr"], "fr"),
        ] {
            assert_eq!(chosen(filter, tags), expected, "{filter} of {tags:?}");
        }
        assert_eq!(LanguageFilter::parse("ja").unwrap().choose(&LanguageMap::new()), None);
    }

    #[test]
    //= 4.15-1
    fn what_is_no_filter_is_named_with_its_position() {
        for (text, position, fault) in [
            ("", 0, LanguageFault::Tag),
            ("日本", 0, LanguageFault::Tag),
            ("en,@none", 3, LanguageFault::Tag),
            ("en,fr_CH", 3, LanguageFault::Tag),
            ("en;q=2", 0, LanguageFault::Weight),
            ("en;q=1.001", 0, LanguageFault::Weight),
            ("en;q=0.1234", 0, LanguageFault::Weight),
            ("en;level=1", 0, LanguageFault::Weight),
        ] {
            assert_eq!(
                LanguageFilter::parse(text),
                Err(InvalidLanguageFilter { position, fault }),
                "{text}"
            );
        }
        let many = ["en"; MAX_LANGUAGE_RANGES + 1].join(",");
        assert_eq!(LanguageFilter::parse(&many).unwrap_err().fault, LanguageFault::TooMany);
    }

    proptest! {
        #[test]
        fn any_text_is_a_filter_or_an_error_and_a_filter_always_chooses(
            text in "([a-zA-Z]{1,3}|[*;=q0-9.,-]|\\PC){0,12}", tags in proptest::collection::btree_set("[a-z]{1,3}(-[a-z]{1,2})?", 1..4),
        ) {
            let map = tags.into_iter().map(|tag| (tag.into(), smallvec::SmallVec::new())).collect::<LanguageMap>();
            if let Ok(filter) = LanguageFilter::parse(&text) {
                prop_assert!(filter.choose(&map).is_some());
            }
        }
    }
}
