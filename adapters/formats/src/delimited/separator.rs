//! Which character separates the cells of a text.

/// Those that are met, the commonest first.
const SEPARATORS: [u8; 3] = [b',', b'\t', b';'];

/// Bytes of a text's beginning that are looked at.
const LOOKED_AT: usize = 16 << 10;

/// The separator that most rows of the beginning have equally often; a comma where none has any.
#[must_use]
pub fn separator_of(text: &str) -> u8 {
    let bytes = text.as_bytes();
    let head = bytes.get(..LOOKED_AT.min(bytes.len())).unwrap_or_default();
    let mut best = (0, b',');
    for separator in SEPARATORS {
        let mut rows: Vec<usize> = Vec::new();
        let (mut here, mut is_quoted) = (0, false);
        for byte in head {
            match byte {
                b'"' => is_quoted = !is_quoted,
                b'\n' if !is_quoted => {
                    rows.push(here);
                    here = 0;
                }
                byte if *byte == separator && !is_quoted => here += 1,
                _ => {}
            }
        }
        rows.push(here);
        let alike = |count: usize| rows.iter().filter(|row| **row == count).count();
        let most = rows
            .iter()
            .filter(|row| **row > 0)
            .map(|row| alike(*row))
            .max()
            .unwrap_or(0);
        if most > best.0 {
            best = (most, separator);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_most_rows_have_alike_separates_them() {
        for (text, separator) in [
            ("a,b\n1,2\n", b','),
            ("a\tb\n1,5\t2\n3,4,5\t6\n", b'\t'),
            ("a;b\n\"1;2,3\";4\n", b';'),
            ("title\n\na,b,c\n1,2,3\n", b','),
            ("one\n", b','),
            ("", b','),
        ] {
            assert_eq!(separator_of(text), separator, "{text:?}");
        }
    }
}
