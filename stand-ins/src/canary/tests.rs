//! Every form is planted once and found, in a file that looks innocent otherwise.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

use super::*;
use crate::canaries;

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

/// The scan for all canaries, made once.
fn whole_scan() -> &'static Scan {
    static SCAN: std::sync::OnceLock<Scan> = std::sync::OnceLock::new();
    SCAN.get_or_init(|| Scan::for_values(&canaries()))
}

/// Plants every canary in one form and demands that each is found.
fn each_is_found(form: &str, encode: impl Fn(&str) -> Vec<u8>) {
    let canaries = canaries();
    let scan = whole_scan();
    for (index, canary) in canaries.iter().enumerate() {
        let hits = found(scan, &planted(&encode(canary)));
        assert!(
            hits.iter().any(|(value, _)| *value == index),
            "value {index} as {form}: {hits:?}"
        );
    }
}

#[test]
fn what_is_innocent_is_left_alone() {
    let scan = whole_scan();
    assert_eq!(
        found(
            scan,
            &planted("佐野市 0283-00-0001 090-0000-1111 1931-02-14".as_bytes())
        ),
        []
    );
}

#[test]
fn plain_text_is_found_with_its_place() {
    let canaries = canaries();
    let scan = whole_scan();
    let content = [b"0123456789".as_slice(), canaries[3].as_bytes()].concat();
    assert_eq!(scan.bytes(&content), [(10, 3, "UTF-8".to_owned())]);
    assert_eq!(scan.first(&content), Some((3, "UTF-8".to_owned())));
    assert_eq!(scan.first(b"0123456789"), None);
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

/// The hashes of one canary, made by other programs (`printf %s VALUE | md5sum` and its like).
#[test]
fn a_hash_is_a_trace_too() {
    let scan = Scan::for_values(&["虚構田 葵一".to_owned()]);
    for (form, digits) in [
        ("MD5", "09b58b8c9509c9270abf4663f614cb32"),
        ("SHA-1", "66d0e0fe24e3542909a03d984309a7827d258c41"),
        (
            "SHA-256",
            "ad3fc72fda6cb835db61e88dfc1f220f091839b35f849b629b12e32a10a3b5c8",
        ),
        (
            "SHA-512",
            "c8fcebba7c31f08df3d2a3253354d25f890bb3accee30bdf166cc61ecee772bcf5a7627bc9355365722645f04312bdbff303bb36a5194d8c8f059b84866ee87d",
        ),
        (
            "SHA-256",
            "f75d219549c8c8bceb84bb7d6b91d634499504c0b79d3d91af1096f5f33a7f61",
        ),
    ] {
        for text in [digits.to_owned(), digits.to_uppercase()] {
            assert_eq!(
                found(&scan, &planted(text.as_bytes())),
                [(0, form.to_owned())],
                "{digits}"
            );
        }
        let pairs = digits
            .as_bytes()
            .chunks(2)
            .map(|pair| std::str::from_utf8(pair).unwrap());
        let bytes: Vec<u8> = pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
        assert_eq!(found(&scan, &planted(&bytes)), [(0, form.to_owned())], "{digits}");
        let encoded = STANDARD.encode(&bytes);
        assert_eq!(
            found(&scan, &planted(encoded.as_bytes())),
            [(0, form.to_owned())],
            "{digits}"
        );
    }
}

#[test]
fn what_was_packed_is_unpacked() {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }
    each_is_found("gzip", |text| gzip(&planted(text.as_bytes())));
    each_is_found("gzip of percent-encoded", |text| {
        gzip(utf8_percent_encode(text, NON_ALPHANUMERIC).to_string().as_bytes())
    });
    each_is_found("gzip in gzip", |text| gzip(&planted(&gzip(text.as_bytes()))));
    for level in [Compression::none(), Compression::fast(), Compression::best()] {
        each_is_found("zlib", |text| {
            let mut encoder = ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        });
    }
    let canaries = canaries();
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&planted(canaries[0].as_bytes())).unwrap();
    let scan = whole_scan();
    let deflated = found(scan, &encoder.finish().unwrap());
    assert!(deflated.contains(&(0, "deflate of UTF-8".to_owned())), "{deflated:?}");
    // What was cut off is read as far as it goes.
    let whole = gzip(&planted(canaries[0].as_bytes()));
    assert!(!found(scan, &whole[..whole.len() - 8]).is_empty());
}

#[test]
fn base64_of_other_encodings_and_numbers_without_hyphens_are_found() {
    each_is_found("base64 of CP932", |text| {
        STANDARD.encode(encoding_rs::SHIFT_JIS.encode(text).0).into_bytes()
    });
    each_is_found("base64 of UTF-16LE", |text| {
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        STANDARD.encode(bytes).into_bytes()
    });
    let scan = Scan::for_values(&["090-0000-6100".to_owned(), "1931-02-13".to_owned()]);
    assert_eq!(found(&scan, b"tel:09000006100"), [(0, "digits alone".to_owned())]);
    assert_eq!(found(&scan, b"19310213"), []);
}

#[test]
fn escapes_that_are_none_do_no_harm() {
    let scan = whole_scan();
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
        assert_eq!(found(scan, broken.as_bytes()), [], "{broken}");
    }
}
