//! Which language somebody is told in: the environment of a command says it (POSIX, "Internationalization Variables"), or
//! the `Accept-Language` of a request (RFC 9110 section 12.5.4). English is what nobody has to ask for.

/// A language that texts are told in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// As it stands in the code.
    #[default]
    English,
    /// By the catalogue.
    Japanese,
}

/// Ranges of an `Accept-Language` that are looked at: browsers send fewer than ten.
const MAX_RANGES: usize = 32;

/// The highest quality value, in thousandths: three digits may follow its point.
const HIGHEST: u16 = 1000;

impl Language {
    /// The tag of BCP 47, as `Content-Language` says it.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Japanese => "ja",
        }
    }

    /// That of the process: the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is set and not empty decides.
    #[must_use]
    pub fn of_environment() -> Self {
        Self::of_variables(|name| std::env::var(name).ok())
    }

    fn of_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(variable);
        let locale = set.into_iter().find(|value| !value.is_empty());
        locale.map_or(Self::English, |locale| Self::of_locale(&locale))
    }

    /// `language[_territory][.codeset][@modifier]`. What is written here is UTF-8: a terminal that says it reads something
    /// else is told in English.
    fn of_locale(locale: &str) -> Self {
        let locale = locale.split('@').next().unwrap_or_default();
        let (place, codeset) = locale.split_once('.').unwrap_or((locale, "UTF-8"));
        let language = place.split(['_', '-']).next().unwrap_or_default();
        let codeset = codeset.replace('-', "");
        match language.eq_ignore_ascii_case("ja") && codeset.eq_ignore_ascii_case("UTF8") {
            true => Self::Japanese,
            false => Self::English,
        }
    }

    /// That of a request by the value of its `Accept-Language`: Japanese where it is liked better than English, or as well
    /// and named first. `*` is whatever is not named, which is English; so is nothing at all.
    #[must_use]
    pub fn accepted(accept_language: &str) -> Self {
        let mut japanese = None;
        let mut english = None;
        let mut any = None;
        for (place, range) in accept_language.split(',').take(MAX_RANGES).enumerate() {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default();
            let Some(quality) = quality(parts) else { continue };
            let primary = tag.split('-').next().unwrap_or_default();
            let known = match primary {
                "*" => &mut any,
                _ if primary.eq_ignore_ascii_case("ja") => &mut japanese,
                _ if primary.eq_ignore_ascii_case("en") => &mut english,
                _ => continue,
            };
            // Of two regions of one language the better liked counts.
            let liked = (quality, std::cmp::Reverse(place));
            if known.is_none_or(|known| known < liked) {
                *known = Some(liked);
            }
        }
        match (japanese, english.or(any)) {
            (Some((0, _)) | None, _) => Self::English,
            (Some(japanese), Some(english)) if english > japanese => Self::English,
            (Some(_), _) => Self::Japanese,
        }
    }
}

/// The weight of a range in thousandths, 1 where none is said; `None`: it is none.
fn quality<'a>(parameters: impl Iterator<Item = &'a str>) -> Option<u16> {
    let mut quality = HIGHEST;
    for parameter in parameters {
        let (name, value) = parameter.split_once('=')?;
        if name.trim().eq_ignore_ascii_case("q") {
            quality = thousandths(value.trim())?;
        }
    }
    Some(quality)
}

/// `qvalue` of RFC 9110 section 12.4.2.
fn thousandths(value: &str) -> Option<u16> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let is_short = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let fraction = is_short.then(|| format!("{fraction:0<3}"))?.parse::<u16>().ok()?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(HIGHEST),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_decides() {
        let of = |set: &[(&str, &str)]| {
            Language::of_variables(|name| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(of(&[]), Language::English);
        assert_eq!(of(&[("LANG", "ja_JP.UTF-8")]), Language::Japanese);
        assert_eq!(of(&[("LANG", "ja")]), Language::Japanese);
        assert_eq!(of(&[("LANG", "ja_JP.utf8@modifier")]), Language::Japanese);
        assert_eq!(of(&[("LANG", "ja_JP.eucJP")]), Language::English);
        assert_eq!(of(&[("LANG", "jam_JM.UTF-8")]), Language::English);
        assert_eq!(of(&[("LC_ALL", "C"), ("LANG", "ja_JP.UTF-8")]), Language::English);
        assert_eq!(
            of(&[("LC_ALL", ""), ("LC_MESSAGES", "ja_JP.UTF-8"), ("LANG", "C")]),
            Language::Japanese
        );
    }

    #[test]
    fn a_request_is_answered_in_what_it_likes_best() {
        for japanese in [
            "ja",
            "JA-jp",
            "ja,en-US;q=0.9,en;q=0.8",
            "en;q=0.5, ja;q=0.501",
            "ja, en",
            "fr, ja;q=0.1",
            "ja;q=0.8, *;q=0.5",
            "ja, *",
        ] {
            assert_eq!(Language::accepted(japanese), Language::Japanese, "{japanese}");
        }
        for english in [
            "",
            "*",
            "en",
            "fr",
            "en, ja",
            "en, ja;q=0.9",
            "ja;q=0",
            "ja;q=0, *",
            "ja;q=0.5, *;q=0.8",
            "ja;q=2",
            "ja;q=0.1234",
            "jam",
            ",;,q=1",
        ] {
            assert_eq!(Language::accepted(english), Language::English, "{english}");
        }
    }
}
