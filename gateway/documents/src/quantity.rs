//! Sizes, time spans and address ranges as an administrator writes them.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// A number of bytes, written "512B", "8KiB", "2MiB" or "1GiB".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(usize);

impl Size {
    /// So many bytes.
    #[must_use]
    pub const fn from_bytes(bytes: usize) -> Self {
        Self(bytes)
    }

    /// How many bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.0
    }

    /// Reads a size; an error says what would be one.
    pub fn parse(text: &str) -> Result<Self, String> {
        const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
        let wrong = || format!("\"{text}\" is no size: write a whole number and B, KiB, MiB or GiB, such as \"2MiB\"");
        let (digits, unit) = split_number(text).ok_or_else(wrong)?;
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        let bytes = number
            .checked_mul(*factor)
            .and_then(|bytes| usize::try_from(bytes).ok());
        match bytes {
            Some(0) => Err("a size of 0 would refuse everything".to_owned()),
            Some(bytes) => Ok(Self(bytes)),
            None => Err(format!("\"{text}\" is too large")),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, factor) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
            if self.0 != 0 && self.0.is_multiple_of(factor) {
                return write!(f, "{}{unit}", self.0 / factor);
            }
        }
        write!(f, "{}B", self.0)
    }
}

/// Longest time span that a key may ask for: a day. What is longer is a mistake of units.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads a time span: "250ms", "3s", "2m", "1h".
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("\"{text}\" is no time span: write a whole number and ms, s, m or h, such as \"3s\"");
    let (digits, unit) = split_number(text).ok_or_else(wrong)?;
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let milliseconds = match unit {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let total = number.checked_mul(milliseconds.ok_or_else(wrong)?);
    match total.map(Duration::from_millis) {
        Some(Duration::ZERO) => Err("a time of 0 would refuse everything".to_owned()),
        Some(duration) if duration <= LONGEST => Ok(duration),
        _ => Err(format!("\"{text}\" is longer than a day")),
    }
}

/// The digits at the beginning, and what follows them.
fn split_number(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|character: char| !character.is_ascii_digit())?;
    let (digits, unit) = text.split_at_checked(end)?;
    (!digits.is_empty()).then_some((digits, unit))
}

/// A range of addresses, written "10.0.0.0/8" or as one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether the address is in the range.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        // An IPv4 client on an IPv6 socket shows as ::ffff:a.b.c.d and is the same client.
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.prefix);
                let mask = u32::MAX.checked_shl(shift).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.prefix);
                let mask = u128::MAX.checked_shl(shift).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }

    /// Reads a range; an error says what would be one.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is no address range: write one such as \"10.0.0.0/8\" or \"192.0.2.1\"");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(longest);
        if prefix > longest {
            return Err(wrong());
        }
        Ok(Self { address, prefix })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        assert_eq!(Size::parse("2MiB"), Ok(Size::from_bytes(2 * 1024 * 1024)));
        assert_eq!(Size::parse("8KiB").unwrap().to_string(), "8KiB");
        for wrong in ["", "2", "MiB", "2MB", "-2MiB", "2 MiB", "0B", "99999999999999999999GiB"] {
            assert!(Size::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn time_spans_are_read_with_their_units() {
        assert_eq!(parse_duration("3s"), Ok(Duration::from_secs(3)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        for wrong in ["", "3", "s", "3sec", "0s", "25h", "18446744073709551615h"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn address_ranges_hold_what_is_in_them() {
        let private = Network::parse("10.0.0.0/8").unwrap();
        assert!(private.contains("10.255.0.1".parse().unwrap()));
        assert!(private.contains("::ffff:10.0.0.1".parse().unwrap()));
        assert!(!private.contains("11.0.0.1".parse().unwrap()));
        assert!(
            Network::parse("0.0.0.0/0")
                .unwrap()
                .contains("8.8.8.8".parse().unwrap())
        );
        assert!(Network::parse("::/0").unwrap().contains("2001:db8::1".parse().unwrap()));
        assert!(
            !Network::parse("192.0.2.1")
                .unwrap()
                .contains("192.0.2.2".parse().unwrap())
        );
        for wrong in ["", "10.0.0.0/33", "10.0.0/8", "host", "::/129"] {
            assert!(Network::parse(wrong).is_err(), "{wrong}");
        }
    }
}
