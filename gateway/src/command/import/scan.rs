//! How far a value of JSON goes, by its brackets alone, in pieces as they are read.

/// How far a value goes.
#[derive(Debug, Default)]
pub(super) struct Scan {
    depth: usize,
    in_string: bool,
    is_escaped: bool,
    /// Whether it is a number or a word.
    is_bare: bool,
}

impl Scan {
    /// Whether the value could be at its end here.
    pub(super) const fn may_end(&self) -> bool {
        self.is_bare
    }

    /// How much of a text belongs to the value, and whether it ends there.
    pub(super) fn over(&mut self, text: &[u8]) -> (usize, bool) {
        for (place, byte) in text.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.is_escaped => self.is_escaped = false,
                    b'\\' => self.is_escaped = true,
                    b'"' => {
                        self.in_string = false;
                        if self.depth == 0 {
                            return (place + 1, true);
                        }
                    }
                    _ => {}
                }
                continue;
            }
            // A number or a word, which is never inside of anything here.
            if self.is_bare {
                if byte.is_ascii_whitespace() || matches!(byte, b',' | b']' | b'}' | b':') {
                    return (place, true);
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'[' | b'{' => self.depth += 1,
                b']' | b'}' | b',' if self.depth == 0 => return (place, true),
                b']' | b'}' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return (place + 1, true);
                    }
                }
                _ if self.depth == 0 => self.is_bare = true,
                _ => {}
            }
        }
        (text.len(), false)
    }
}
