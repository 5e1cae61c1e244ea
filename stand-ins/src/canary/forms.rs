//! The forms of a value that begin and end with it.

use std::fmt::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use encoding_rs::{EUC_JP, SHIFT_JIS};
use sha2::{Digest, Sha256};

/// A form of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Utf8,
    Utf16Le,
    Utf16Be,
    Cp932,
    EucJp,
    Base64,
    Hexadecimal,
    Sha256,
}

impl fmt::Display for Form {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Cp932 => "CP932",
            Self::EucJp => "EUC-JP",
            Self::Base64 => "base64",
            Self::Hexadecimal => "hexadecimal",
            Self::Sha256 => "SHA-256",
        })
    }
}

/// Every form of a value, each once, the plainest first.
pub(super) fn of(value: &str) -> Vec<(Form, Vec<u8>)> {
    let utf8 = value.as_bytes();
    let mut forms = vec![
        (Form::Utf8, utf8.to_vec()),
        (Form::Utf16Le, value.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        (Form::Utf16Be, value.encode_utf16().flat_map(u16::to_be_bytes).collect()),
    ];
    for (form, encoding) in [(Form::Cp932, SHIFT_JIS), (Form::EucJp, EUC_JP)] {
        let (encoded, _, lossy) = encoding.encode(value);
        if !lossy {
            forms.push((form, encoded.into_owned()));
        }
    }
    forms.extend(
        (0..3)
            .flat_map(|before| base64(utf8, before))
            .map(|text| (Form::Base64, text)),
    );
    for (form, bytes) in [
        (Form::Hexadecimal, utf8),
        (Form::Sha256, Sha256::digest(utf8).as_slice()),
    ] {
        let digits = hexadecimal(bytes);
        forms.push((form, digits.to_uppercase().into_bytes()));
        forms.push((form, digits.into_bytes()));
    }
    let mut kept: Vec<(Form, Vec<u8>)> = Vec::new();
    for (form, pattern) in forms {
        if !kept.iter().any(|(_, earlier)| *earlier == pattern) {
            kept.push((form, pattern));
        }
    }
    kept
}

/// The characters of base64, in both alphabets, that the value alone decides when `before` bytes (modulo 3) stand
/// before it and anything after it.
fn base64(value: &[u8], before: usize) -> [Vec<u8>; 2] {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(value);
    // Each character holds six bits: leave out those that hold a bit of what stands before or after.
    let first = (before * 8).div_ceil(6);
    let after_last = bytes.len() * 8 / 6;
    [STANDARD_NO_PAD, URL_SAFE_NO_PAD].map(|alphabet| {
        let text = alphabet.encode(&bytes).into_bytes();
        text.into_iter().take(after_last).skip(first).collect()
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        // Writing to a string cannot fail.
        let _written = write!(digits, "{byte:02x}");
        digits
    })
}
