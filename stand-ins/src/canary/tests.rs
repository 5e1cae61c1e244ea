//! Every form is planted once and found, in a file that looks innocent otherwise.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

use super::*;
use crate::nasushiobara::canaries;

/// A whole file with something planted in the middle.
fn planted(what: &[u8]) -> Vec<u8> {
    [b"{\"innocent\": \"%41 \\u0041 \"}\n".as_slice(), what, b"\nand so on\n"].concat()
}

/// Which values are found in a file, and in what form.
fn found(scan: &Scan, content: &[u8]) -> Vec<(usize, String)> {
    scan.bytes(content)
        .into_iter()
        .map(|(_, value, form)| (value, form))
        .collect()
}

/// Plants every canary in one form and demands that each is found.
fn each_is_found(form: &str, encode: impl Fn(&str) -> Vec<u8>) {
    let canaries = canaries();
    let scan = Scan::for_values(&canaries);
    for (index, canary) in canaries.iter().enumerate() {
        let hits = found(&scan, &planted(&encode(canary)));
        assert!(
            hits.iter().any(|(value, _)| *value == index),
            "value {index} as {form}: {hits:?}"
        );
    }
}

#[test]
fn what_is_innocent_is_left_alone() {
    let scan = Scan::for_values(&canaries());
    assert_eq!(
        found(
            &scan,
            &planted("佐野市 0283-00-0001 090-0000-1111 1931-02-14".as_bytes())
        ),
        []
    );
}

#[test]
fn plain_text_is_found_with_its_place() {
    let canaries = canaries();
    let scan = Scan::for_values(&canaries);
    let content = [b"0123456789".as_slice(), canaries[3].as_bytes()].concat();
    assert_eq!(scan.bytes(&content), [(10, 3, "UTF-8".to_owned())]);
}

#[test]
fn percent_encoding_is_undone_whichever_characters_it_leaves() {
    const FEW: &AsciiSet = &CONTROLS.add(b' ').add(b'"');
    for set in [NON_ALPHANUMERIC, FEW] {
        let upper = |text: &str| utf8_percent_encode(text, set).to_string();
        each_is_found("percent-encoded", |text| upper(text).into_bytes());
        each_is_found("form-encoded", |text| upper(text).replace("%20", "+").into_bytes());
        each_is_found("doubly percent-encoded", |text| {
            utf8_percent_encode(&upper(text), set).to_string().into_bytes()
        });
    }
    each_is_found("percent-encoded in lower case", |text| {
        text.bytes()
            .map(|byte| format!("%{byte:02x}"))
            .collect::<String>()
            .into_bytes()
    });
}

/// Every character as `\uXXXX`.
fn json_escaped(text: &str, upper: bool) -> String {
    let digits = |unit: u16| {
        if upper {
            format!("\\u{unit:04X}")
        } else {
            format!("\\u{unit:04x}")
        }
    };
    text.encode_utf16().map(digits).collect()
}

#[test]
fn json_escapes_are_undone_whatever_they_escape() {
    for upper in [false, true] {
        each_is_found("JSON-escaped", |text| json_escaped(text, upper).into_bytes());
    }
    each_is_found("JSON-escaped beyond ASCII", |text| {
        let escaped = text.chars().map(|c| {
            if c.is_ascii() {
                c.to_string()
            } else {
                json_escaped(&c.to_string(), false)
            }
        });
        escaped.collect::<String>().into_bytes()
    });
    each_is_found("doubly JSON-escaped", |text| {
        json_escaped(text, false).replace('\\', "\\\\").into_bytes()
    });
    each_is_found("JSON-escaped, percent-encoded", |text| {
        utf8_percent_encode(&json_escaped(text, false), NON_ALPHANUMERIC)
            .to_string()
            .into_bytes()
    });
}

#[test]
fn base64_is_found_wherever_the_value_stands_in_what_was_encoded() {
    for (before, after) in [("", ""), ("a", "bc"), ("ab", "c"), ("abc", "b"), ("ab", "")] {
        for alphabet in [STANDARD, URL_SAFE] {
            each_is_found("base64", |text| {
                alphabet.encode(format!("{before}{text}{after}")).into_bytes()
            });
        }
    }
}

#[test]
fn other_encodings_of_text_are_found() {
    each_is_found("UTF-16LE", |text| {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    });
    each_is_found("UTF-16BE", |text| {
        text.encode_utf16().flat_map(u16::to_be_bytes).collect()
    });
    each_is_found("CP932", |text| encoding_rs::SHIFT_JIS.encode(text).0.into_owned());
    each_is_found("EUC-JP", |text| encoding_rs::EUC_JP.encode(text).0.into_owned());
    each_is_found("hexadecimal", |text| {
        text.bytes()
            .map(|byte| format!("{byte:02X}"))
            .collect::<String>()
            .into_bytes()
    });
}

#[test]
fn a_hash_is_a_trace_too() {
    use sha2::Digest;
    let hash = sha2::Sha256::digest(canaries()[0].as_bytes());
    let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let scan = Scan::for_values(&canaries());
    assert_eq!(found(&scan, digits.as_bytes()), [(0, "SHA-256".to_owned())]);
}

#[test]
fn escapes_that_are_none_do_no_harm() {
    let scan = Scan::for_values(&canaries());
    for broken in [
        "%",
        "%4",
        "%zz",
        "\\",
        "\\u",
        "\\u12",
        "\\ud800",
        "\\ud800\\u0041",
        "%E6%9E",
    ] {
        assert_eq!(found(&scan, broken.as_bytes()), [], "{broken}");
    }
}
