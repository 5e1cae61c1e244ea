//! The forms of a value that begin and end with it.

use std::collections::HashSet;
use std::fmt::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use encoding_rs::{EUC_JP, SHIFT_JIS};
use md5::Md5;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA512, digest};
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
    Digits,
    Md5,
    Sha1,
    Sha256,
    Sha512,
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
            Self::Digits => "digits alone",
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512",
        })
    }
}

/// Digits of the shortest number that is looked for without its hyphens: a date has eight and could be any number.
const LONG_NUMBER: usize = 10;

/// Every form of a value, each once, the plainest first.
pub(super) fn of(value: &str) -> Vec<(Form, Vec<u8>)> {
    let utf8 = value.as_bytes();
    let mut forms = texts(value);
    let digits: String = value.chars().filter(|character| *character != '-').collect();
    if digits.len() >= LONG_NUMBER && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        forms.push((Form::Digits, digits.into_bytes()));
    }
    let encoded = texts(value).into_iter().flat_map(|(_, text)| {
        let places: Vec<Vec<u8>> = (0..3).flat_map(|before| base64(&text, before)).collect();
        places.into_iter().map(|text| (Form::Base64, text))
    });
    forms.extend(encoded);
    for digits in [hexadecimal(utf8), hexadecimal(utf8).to_uppercase()] {
        forms.push((Form::Hexadecimal, digits.into_bytes()));
    }
    // As a program hashes it, and as a shell does that adds the end of a line.
    for hashed in [value.to_owned(), format!("{value}\n")] {
        for (form, hash) in hashes(hashed.as_bytes()) {
            let digits = hexadecimal(&hash);
            forms.push((form, digits.to_uppercase().into_bytes()));
            forms.push((form, digits.into_bytes()));
            forms.push((form, STANDARD_NO_PAD.encode(&hash).into_bytes()));
            forms.push((form, URL_SAFE_NO_PAD.encode(&hash).into_bytes()));
            forms.push((form, hash));
        }
    }
    let mut seen = HashSet::new();
    forms.retain(|(_, pattern)| seen.insert(pattern.clone()));
    forms
}

/// The value as text in every encoding that can say it.
fn texts(value: &str) -> Vec<(Form, Vec<u8>)> {
    let mut texts = vec![
        (Form::Utf8, value.as_bytes().to_vec()),
        (Form::Utf16Le, value.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        (Form::Utf16Be, value.encode_utf16().flat_map(u16::to_be_bytes).collect()),
    ];
    for (form, encoding) in [(Form::Cp932, SHIFT_JIS), (Form::EucJp, EUC_JP)] {
        let (encoded, _, lossy) = encoding.encode(value);
        if !lossy {
            texts.push((form, encoded.into_owned()));
        }
    }
    texts
}

/// The hashes that software commonly makes of a text.
fn hashes(text: &[u8]) -> [(Form, Vec<u8>); 4] {
    [
        (Form::Md5, Md5::digest(text).to_vec()),
        (Form::Sha1, digest(&SHA1_FOR_LEGACY_USE_ONLY, text).as_ref().to_vec()),
        (Form::Sha256, Sha256::digest(text).to_vec()),
        (Form::Sha512, digest(&SHA512, text).as_ref().to_vec()),
    ]
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
