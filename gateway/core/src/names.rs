//! Names that an administrator chooses for tenants and consumers, and the codes of local governments.

use std::fmt;
use std::sync::Arc;

/// Longest name, in bytes: names stand in headers, metrics and file names.
const MAX_NAME_BYTES: usize = 64;

/// Checks a name of a tenant, source, consumer or role.
pub fn check_name(name: &str) -> Result<(), String> {
    let fits =
        |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || "-_".contains(character);
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.chars().all(fits) || name.starts_with(['-', '_']) {
        return Err(format!(
            "\"{name}\" is no name: write a-z, 0-9, - and _, at most {MAX_NAME_BYTES}, beginning with a letter or digit"
        ));
    }
    Ok(())
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a name.
            #[must_use]
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            /// The name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type!(
    /// The id of a tenant: its key in tenants.toml, in `NGSILD-Tenant` and in policies.
    TenantId
);
name_type!(
    /// The id of a consumer: its key in tenants.toml and in policies.
    ConsumerId
);
name_type!(
    /// A role that a consumer holds and policies speak of.
    RoleName
);

impl RoleName {
    /// A role that somebody else names; `None`: no policy could name it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        check_name(name).is_ok().then(|| Self::new(name))
    }
}

/// The 全国地方公共団体コード of a local government: six digits, the last a check digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LocalGovernmentCode([u8; 6]);

impl LocalGovernmentCode {
    /// Reads a code and verifies its check digit.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Ok(digits) = <[u8; 6]>::try_from(text.as_bytes()) else {
            let help = if text.len() == 5 {
                ": was the leading zero lost?"
            } else {
                ""
            };
            return Err(format!(
                "\"{text}\" is no 全国地方公共団体コード: six digits are wanted{help}"
            ));
        };
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(format!(
                "\"{text}\" is no 全国地方公共団体コード: six digits are wanted"
            ));
        }
        let [a, b, c, d, e, check] = digits.map(|digit| u32::from(digit - b'0'));
        // Weights 6 to 2; sums below 11 subtract from 11 as well, which the remainder does by itself.
        let sum = a * 6 + b * 5 + c * 4 + d * 3 + e * 2;
        let expected = (11 - sum % 11) % 10;
        if expected != check {
            return Err(format!(
                "the check digit of \"{text}\" does not fit: {check} where {expected} is expected. Look the code up in 総務省's list, or \
                 write \"{}{expected}\" if the other digits are right",
                text.get(..5).unwrap_or_default()
            ));
        }
        Ok(Self(digits))
    }
}

impl fmt::Display for LocalGovernmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|digit| write!(f, "{}", char::from(*digit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_of_all_local_governments_of_tochigi_pass_and_no_other_check_digit_does() {
        let codes = [
            "090000", "092011", "092029", "092037", "092045", "092053", "092061", "092088", "092096", "092100",
            "092118", "092134", "092142", "092151", "092169", "093017", "093424", "093432", "093441", "093459",
            "093611", "093645", "093840", "093866", "094072", "094111",
        ];
        for code in codes {
            assert_eq!(
                LocalGovernmentCode::parse(code).map(|code| code.to_string()),
                Ok(code.to_owned())
            );
            let stem = code.get(..5).unwrap();
            let passing = (0..10).filter(|digit| LocalGovernmentCode::parse(&format!("{stem}{digit}")).is_ok());
            assert_eq!(passing.count(), 1, "{code}");
        }
    }

    #[test]
    fn a_wrong_code_says_what_would_be_right() {
        let reason = LocalGovernmentCode::parse("092046").unwrap_err();
        assert!(reason.contains("6 where 5 is expected"), "{reason}");
        assert!(
            LocalGovernmentCode::parse("92045")
                .unwrap_err()
                .contains("leading zero")
        );
        assert!(LocalGovernmentCode::parse("佐野").is_err());
        assert!(LocalGovernmentCode::parse("09204a").is_err());
    }

    #[test]
    fn names_are_what_a_header_and_a_file_name_can_hold() {
        for name in ["sano", "sano-safe-map", "a_b", "2026"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["", "佐野", "Sano", "a b", "-a", "a/b", &"x".repeat(65)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
